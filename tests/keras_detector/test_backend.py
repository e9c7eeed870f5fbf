"""Keras computes with a framework that is installed, whatever its own default is."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("keras")
ASK = "import os, uhd.keras_detector.backend as b; b.find_spec = lambda name: name == 'torch' or None; "
ASK += "b.choose_backend(); print(os.environ.get('KERAS_BACKEND'))"


@pytest.mark.parametrize(
    ("written", "said", "chosen"),
    [(None, None, "torch"), ("tensorflow", None, "torch"), ("torch", None, "None"), ("tensorflow", "jax", "jax")],
)
def test_what_is_installed_is_taken(written: str | None, said: str | None, chosen: str, tmp_path: Path) -> None:
    if written is not None:
        (tmp_path / "keras.json").write_text(json.dumps({"backend": written}))
    words = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
    words |= {"KERAS_HOME": str(tmp_path)} | ({} if said is None else {"KERAS_BACKEND": said})
    # The package's own choice is made as it is imported; here it is asked again with only torch in sight.
    forget = "" if said is not None else "os.environ.pop('KERAS_BACKEND', None); "
    ask = ASK.replace("b.choose_backend()", f"{forget}b.choose_backend()")
    done = subprocess.run([sys.executable, "-c", ask], env=words, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == chosen


def test_the_documentation_chooses_the_backend_before_it_imports_keras() -> None:
    page = (Path(__file__).parents[2] / "docs" / "keras.md").read_text(encoding="utf-8")
    blocks = [block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "import keras" in block]
    assert len(blocks) == 2
    for block in blocks:
        assert "uhd.keras_detector" in block.split("import keras")[0]

"""``import uhd`` is light, and its names work in whatever order modules are imported."""

from __future__ import annotations

import subprocess
import sys

import pytest


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def test_importing_brings_no_framework() -> None:
    heavy = "{'torch', 'keras', 'onnxruntime', 'cv2', 'onnx', 'matplotlib', 'numpy', 'yaml'}"
    assert run(f"import uhd, sys; print({heavy} & set(sys.modules))") == "set()"


def test_detecting_brings_no_torch() -> None:
    code = "import uhd, sys; uhd.load()('examples/astronaut.jpg'); print('torch' in sys.modules)"
    assert run(code) == "False"


@pytest.mark.parametrize("first", ["uhd", "uhd.load", "uhd.export", "uhd.export.onnx.export", "uhd.runtime.onnx"])
def test_load_and_export_are_functions_whatever_was_imported_before(first: str) -> None:
    assert run(
        f"import {first}, uhd; print(callable(uhd.load), callable(uhd.export), len(uhd.load().spec.class_names))"
    ) == ("True True 1")


def test_dir_lists_what_is_public() -> None:
    assert run("import uhd; print(sorted(dir(uhd)) == sorted([*uhd.__all__, '__version__']))") == "True"


def test_every_public_name_exists() -> None:
    assert run("import uhd; print(all(callable(getattr(uhd, name)) for name in uhd.__all__))") == "True"

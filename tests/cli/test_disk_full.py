"""A full disk stops a run with one line; what was there before stays whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np

LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
from uhd.cli import main
sys.exit(main({arguments!r}))
"""


def test_training_into_a_full_disk(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for i in range(10):
        cv2.imwrite(str(photos / f"{i}.png"), np.full((20, 20, 3), 20 * i, np.uint8))
        (photos / f"{i}.txt").write_text("0 0.5 0.5 0.5 0.5\n")
    flags = ["--epochs", "1", "--cnn-width", "4", "--batch-size", "4", "--samples", "0", "--threads", "1"]
    arguments = ["train", str(photos), "--output", str(tmp_path / "runs"), "--no-tensorboard", *flags]
    code = LIMITED.format(limit=20_000, arguments=arguments)
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert found.returncode == 2, found.stderr
    lines = found.stderr.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    assert "could not be saved: File too large" in lines[0]
    left = [path.name for path in (tmp_path / "runs" / "default").iterdir()]
    assert not [name for name in left if name.endswith((".pt", ".safetensors", ".tmp"))]

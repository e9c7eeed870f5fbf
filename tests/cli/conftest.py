"""A place with photographs, labels and files of a user; runs of these tests draw no plots."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.plotless import plotless_runs
from uhd.model_file import model_file

__all__ = ["plotless_runs"]


def photo(path: Path, value: int = 90) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((60, 80, 3), value, np.uint8))
    return path


def video(path: Path, frames: int = 12) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 30, (80, 60))
    for i in range(frames):
        writer.write(np.full((60, 80, 3), 10 * i, np.uint8))
    writer.release()
    return path


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    photo(tmp_path / "a.jpg")
    for i in range(6):
        photo(tmp_path / "set" / "images" / f"{i}.jpg", 20 * i)
        (tmp_path / "set" / "labels").mkdir(exist_ok=True)
        (tmp_path / "set" / "labels" / f"{i}.txt").write_text("0 0.5 0.5 0.3 0.6\n")
    video(tmp_path / "v.mp4")
    (tmp_path / "notes.md").write_text("mine")
    (tmp_path / "list.txt").write_text("a.jpg\n")
    (tmp_path / "set.txt").write_text("".join(f"set/images/{i}.jpg\n" for i in range(6)))
    photo(tmp_path / "other" / "curves.png")
    (tmp_path / "other" / "best.yaml").write_text("mine: 1\n")
    shutil.copy(model_file("small", (".safetensors",)), tmp_path / "ck.safetensors")
    return tmp_path


def contents(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

"""Odd files: what works, what is skipped and counted, and what stops."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from PIL import Image

from uhd.cli import main
from uhd.model_file import model_file

PERSON = "0 0.5 0.5 0.4 0.8\n"


def picture(height: int = 60, width: int = 80) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)


def rotated(path: Path) -> None:
    image = Image.fromarray(picture(40, 80))
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(path, exif=exif)


WORKS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "16-bit": ("a.png", lambda p: cv2.imwrite(str(p), picture().astype(np.uint16) * 256)),
    "gray": ("a.png", lambda p: cv2.imwrite(str(p), picture()[..., 0])),
    "RGBA": ("a.png", lambda p: cv2.imwrite(str(p), np.dstack([picture(), picture()[..., :1]]))),
    "CMYK": ("a.jpg", lambda p: Image.fromarray(picture()).convert("CMYK").save(p)),
    "EXIF-rotated": ("a.jpg", rotated),
    "huge": ("a.jpg", lambda p: cv2.imwrite(str(p), np.full((5000, 7000, 3), 90, np.uint8))),
    "upper-case": ("A.JPG", lambda p: cv2.imwrite(str(p), picture())),
}


@pytest.mark.parametrize("kind", WORKS)
def test_works(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name, write = WORKS[kind]
    write(tmp_path / name)
    out = tmp_path / "out"
    assert main(["predict", str(tmp_path / name), "--output", str(out), "--json", str(tmp_path / "r.json")]) == 0
    drawn = cv2.imread(str(out / name))
    assert drawn is not None
    if kind == "EXIF-rotated":
        assert drawn.shape[:2] == (80, 40)


def test_onnx_without_metadata_needs_the_flags_that_replace_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    graph = onnx.load(model_file("small"))
    del graph.metadata_props[:]
    onnx.save(graph, tmp_path / "bare.onnx")
    cv2.imwrite(str(tmp_path / "a.jpg"), picture())
    command = ["predict", str(tmp_path / "a.jpg"), "--model", str(tmp_path / "bare.onnx"), "--output", str(tmp_path)]
    command[-1] = str(tmp_path / "out")
    assert main(command) == 2
    assert "--resize-mode" in capsys.readouterr().err
    assert main([*command, "--resize-mode", "opencv_inter_nearest"]) == 0


def label(text: str) -> Callable[[Path], None]:
    return lambda folder: (folder / "3.txt").write_text(text) and None


def truncated(folder: Path) -> None:
    data = (folder / "3.jpg").read_bytes()
    (folder / "3.jpg").write_bytes(data[: len(data) // 2])


def folder_named_like_an_image(folder: Path) -> None:
    (folder / "a.jpg").mkdir()


SKIPPED: dict[str, Callable[[Path], object]] = {
    "NaN label": label("0 nan 0.5 0.1 0.1\n" + PERSON),
    "negative label": label("0 0.5 0.5 -0.1 0.1\n" + PERSON),
    "non-numeric label": label("0 x 0.5 0.1 0.1\n" + PERSON),
    "class out of range": label("7 0.5 0.5 0.1 0.1\n" + PERSON),
    "truncated JPEG": truncated,
    "zero-byte file": lambda folder: (folder / "3.jpg").write_bytes(b""),
    "text renamed": lambda folder: (folder / "3.jpg").write_text("hello"),
    "folder named a.jpg": folder_named_like_an_image,
    "dangling link": lambda folder: (folder / "z.jpg").symlink_to(folder / "nowhere.jpg"),
}


_OFTEN = ("NaN label", "truncated JPEG", "text renamed", "dangling link")


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=() if kind in _OFTEN else pytest.mark.slow) for kind in SKIPPED]
)
def test_skipped_and_counted_but_fatal_when_strict(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(10):
        cv2.imwrite(str(folder / f"{i}.jpg"), picture())
        (folder / f"{i}.txt").write_text(PERSON)
    SKIPPED[kind](folder)
    command = ["train", str(folder), "--epochs", "1", "--cnn-width", "4", "--batch-size", "4", "--samples", "0"]
    command += ["--threads", "1", "--num-workers", "0"]
    assert main([*command, "--output", str(tmp_path / "runs")]) == 0
    assert "skipped 1 x" in capsys.readouterr().out
    assert main([*command, "--output", str(tmp_path / "strict"), "--strict"]) == 2
    assert capsys.readouterr().err.startswith("error: ")
    assert not (tmp_path / "strict").exists()


def test_one_bad_image_among_several_is_skipped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cv2.imwrite(str(tmp_path / "a.jpg"), picture())
    (tmp_path / "b.jpg").write_bytes(b"")
    out = ["--output", str(tmp_path / "out")]
    assert main(["predict", str(tmp_path / "a.jpg"), str(tmp_path / "b.jpg"), *out]) == 0
    assert "b.jpg" in capsys.readouterr().err
    assert main(["predict", str(tmp_path / "a.jpg"), str(tmp_path / "b.jpg"), *out, "--strict"]) == 2
    assert main(["predict", str(tmp_path / "b.jpg"), *out]) == 2

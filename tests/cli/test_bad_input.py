"""What the user can mend is one clear line and exit code 2; nothing on disk changes and nothing is executed."""

from __future__ import annotations

import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest

from uhd.cli import main


class Evil:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (open, (str(self.path), "w"))  # type: ignore[return-value]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    for i in range(6):
        cv2.imwrite(str(tmp_path / "photos" / f"{i}.jpg"), np.full((40, 50, 3), 20 * i, np.uint8))
        (tmp_path / "photos" / f"{i}.txt").write_text("0 0.5 0.5 0.3 0.6\n")
    (tmp_path / "empty").mkdir()
    (tmp_path / "unlabelled").mkdir()
    cv2.imwrite(str(tmp_path / "unlabelled" / "a.jpg"), np.zeros((40, 50, 3), np.uint8))
    (tmp_path / "text.jpg").write_text("not an image")
    (tmp_path / "bad.yaml").write_text("cnn_widht: 16\n")
    with (tmp_path / "evil.pt").open("wb") as file:
        pickle.dump(Evil(tmp_path / "executed"), file)
    (tmp_path / "list.pt").write_bytes(pickle.dumps([1, 2]))
    return tmp_path


def snapshot(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_size for path in sorted(folder.rglob("*"))}


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("train missing", "missing"),
        ("train empty", "empty"),
        ("train unlabelled", "label"),
        ("train photos --cnn-widht 16", "--cnn-width"),
        ("train photos --config bad.yaml", "cnn_width"),
        ("train photos --lr -1", "lr"),
        ("train photos --batch-size 0", "batch-size"),
        ("train photos --img-size 60x64", "stride"),
        ("train photos --arch resnet", "cnn"),
        ("train photos --ckpt evil.pt", "evil.pt"),
        ("train photos --ckpt list.pt", "list.pt"),
        ("train photos --distill-kl 1", "--teacher-ckpt"),
        ("train photos --val-aug-config missing.yaml", "missing.yaml"),
        ("train photos --val-aug-config bad.yaml", "no operation"),
        ("train photos --heatmap median", "mean, sum"),
        ("train photos --auto-anchors-plot --auto-anchors-plot-path text.jpg/a.png", "text.jpg"),
        ("predict --model evil.pt photos/0.jpg", "evil.pt"),
        ("predict --model missing.onnx photos/0.jpg", "missing.onnx"),
        ("predict --model text.jpg photos/0.jpg", "text.jpg"),
        ("export evil.pt", "evil.pt"),
        ("val", "images"),
        ("frobnicate", "verb"),
    ],
)
def test_one_line_and_nothing_changed(place: Path, capsys: pytest.CaptureFixture[str], command: str, said: str) -> None:
    before = snapshot(place)
    assert main(command.split()) == 2
    error = capsys.readouterr().err.strip()
    assert error.startswith("error: ")
    assert "\n" not in error
    assert said in error
    assert snapshot(place) == before
    assert not (place / "executed").exists()


def test_print_config_round_trip(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = snapshot(place)
    assert main(["train", "--cnn_width", "24", "--lr", "0.001", "--anchors", "0.1,0.2 0.3,0.4", "--print-config"]) == 0
    first = capsys.readouterr().out
    assert "cnn_width: 24" in first
    assert snapshot(place) == before
    (place / "c.yaml").write_text(first)
    assert main(["train", "--config", "c.yaml", "--print-config"]) == 0
    assert capsys.readouterr().out == first

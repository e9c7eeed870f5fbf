"""Labelling a folder: nothing is written to it, nothing is done twice."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from uhd.cli import main
from uhd.data.class_names import named_classes
from uhd.data.config import DataConfig, parse_classes
from uhd.data.open import open_data
from uhd.errors import UserError
from uhd.labelling import teachers as teachers_module
from uhd.labelling.config import LabelRules
from uhd.labelling.folder import label_folder
from uhd.labelling.teachers import Teacher
from uhd.model_file import model_file


def brightest(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A teacher for drawn images: the box of what is white."""
    y, x = np.nonzero(image.min(2) > 200)
    if not len(x):
        return np.zeros((0, 4), np.float32), np.zeros(0, np.float32)
    h, w = image.shape[:2]
    box = [x.min() / w, y.min() / h, (x.max() + 1) / w, (y.max() + 1) / h]
    return np.float32([box]), np.float32([0.9])


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    for i, folder in enumerate(("a", "a", "b", "b")):
        place = tmp_path / "photos" / folder
        place.mkdir(parents=True, exist_ok=True)
        image = np.full((60, 80, 3), 40, np.uint8)
        if i != 3:
            image[10:50, 20 + 4 * i : 40 + 4 * i] = 255
        cv2.imwrite(str(place / f"x{i % 2}.png"), image)
    (tmp_path / "photos" / "b" / "broken.png").write_bytes(b"no image")
    return tmp_path / "photos"


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(teachers_module, "_open", lambda path, threads: ("white", brightest))
    path = tmp_path / "white.onnx"
    path.write_bytes(b"any")
    return path


def test_a_folder_becomes_a_data_set(photographs: Path, model: Path, tmp_path: Path) -> None:
    before = sorted((path, path.stat().st_mtime_ns) for path in photographs.rglob("*"))
    output = tmp_path / "new"
    assert main(["data", "label", str(photographs), "--teacher", str(model), "--output", str(output)]) == 0
    assert sorted((path, path.stat().st_mtime_ns) for path in photographs.rglob("*")) == before
    opened = open_data(DataConfig(image_dir=output, train_split=0.5, val_split=0.5))
    records = {
        str(record.image.relative_to(output / "images")): record.boxes for record in [*opened.train, *opened.val]
    }
    assert len(records) == 4
    assert records["a/x0.png"] == pytest.approx(np.float32([[0.25, 1 / 6, 0.5, 5 / 6]]), abs=1e-5)
    assert not len(records["b/x1.png"])
    told = json.loads((output / "labels.json").read_text())
    assert told["labels added"] == 3
    assert set(told["added"]) == {"a/x0.png", "a/x1.png", "b/x0.png"}
    assert (output / "report" / "added.jpg").is_file()
    other = str(tmp_path / "other")
    assert main(["data", "label", str(photographs), "--teacher", "nano", "--output", other, "--sheet", "0"]) == 0


def test_a_second_run_repeats_no_work_and_writes_the_same(photographs: Path, model: Path, tmp_path: Path) -> None:
    texts = []
    for asked in (4, 0):
        with Teacher(model, tmp_path / "answers") as teacher:
            label_folder(photographs, tmp_path / "new", [teacher], LabelRules(), progress=False)
            assert teacher.asked == asked
        texts.append({path: path.read_text() for path in (tmp_path / "new").rglob("*.txt")})
    assert texts[0] == texts[1]


def test_a_line_cut_by_a_kill_is_asked_again(photographs: Path, model: Path, tmp_path: Path) -> None:
    with Teacher(model, tmp_path / "answers") as teacher:
        label_folder(photographs, tmp_path / "new", [teacher], LabelRules(), progress=False)
    cache = next((tmp_path / "answers").glob("*.jsonl"))
    cache.write_text(cache.read_text()[:-20])
    with Teacher(model, tmp_path / "answers") as teacher:
        label_folder(photographs, tmp_path / "new", [teacher], LabelRules(), progress=False)
        assert teacher.asked == 1
    assert len(cache.read_text().splitlines()) == 4


def test_labels_that_are_there_are_kept_and_completed(photographs: Path, model: Path, tmp_path: Path) -> None:
    (photographs / "a" / "x0.txt").write_text("0 0.375 0.5 0.25 0.66\n")  # the white box, nearly
    (photographs / "a" / "x1.txt").write_text("0 0.9 0.9 0.1 0.1\n")  # somebody else
    with Teacher(model, tmp_path / "answers") as teacher:
        done = label_folder(photographs, tmp_path / "new", [teacher], LabelRules(complete=True), progress=False)
    assert (done.kept, done.added) == (2, 2)
    assert len((tmp_path / "new" / "labels" / "a" / "x0.txt").read_text().splitlines()) == 1
    assert len((tmp_path / "new" / "labels" / "a" / "x1.txt").read_text().splitlines()) == 2


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--output", "PHOTOS/new", "--teacher", "MODEL"], "never written to"),
        (["--output", "OUT"], "needs photographs, a teacher"),
        (["no", "--output", "OUT", "--teacher", "MODEL"], "no such folder"),
        (["--output", "OUT", "--teacher", "MODEL", "--low", "0.9"], "above --high"),
        (["--output", "OUT", "--teacher", "none.onnx"], "none.onnx"),
    ],
)
def test_what_cannot_be_done_is_said(
    photographs: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch, words: list[str], told: str,
) -> None:  # fmt: skip
    if "none.onnx" in words:
        monkeypatch.undo()
    places = {"PHOTOS/new": str(photographs / "new"), "OUT": str(tmp_path / "out"), "MODEL": str(model)}
    source = [] if words[0] == "no" else [str(photographs)]
    assert main(["data", "label", *source, *(places.get(word, word) for word in words)]) == 2
    assert told in capsys.readouterr().err


class RedAndBlue:
    """A teacher that tells two colours apart: the box of each."""

    name = "colours"
    class_names = ("person", "blue thing")

    @classmethod
    def recognises(cls, path: Path) -> bool:
        return path.stem == "colours"

    def __init__(self, path: Path, threads: int = 1) -> None:
        pass

    def every_class(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        boxes = [brightest(np.repeat(image[..., channel, None], 3, 2))[0] for channel in (0, 2)]
        labels = np.repeat([0, 1], [len(each) for each in boxes])
        return np.concatenate(boxes), np.full(len(labels), 0.9, np.float32), labels


@pytest.fixture
def colours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("uhd.runtime.foreign.kind_of", lambda path: RedAndBlue if RedAndBlue.recognises(path) else None)
    path = tmp_path / "colours.onnx"
    path.write_bytes(b"any")
    photos = tmp_path / "coloured"
    photos.mkdir()
    for i in range(2):
        image = np.full((40, 40, 3), 20, np.uint8)
        image[5:15, 5 + i : 15] = (255, 0, 0)  # blue, as OpenCV writes
        image[20:30, 20:30] = (0, 0, 255)
        cv2.imwrite(str(photos / f"{i}.png"), image)
    return path


def test_every_class_of_a_teacher_becomes_a_data_set_to_begin_with(colours: Path, tmp_path: Path) -> None:
    photos, output = tmp_path / "coloured", tmp_path / "out"
    (photos / "1.txt").write_text("0 0.625 0.625 0.25 0.25\n")  # the red one, exactly
    words = ["data", "label", str(photos), "--teacher", str(colours), "--output", str(output), "--every-class"]
    assert main([*words, "--complete"]) == 0
    assert (output / "classes.txt").read_text().split("\n")[:2] == ["person", "blue thing"]
    lines = [(output / "labels" / f"{i}.txt").read_text().splitlines() for i in range(2)]
    assert lines[0] == ["0 0.625000 0.625000 0.250000 0.250000", "1 0.250000 0.250000 0.250000 0.250000"]
    assert [line.split()[0] for line in lines[1]] == ["0", "1"]
    told = json.loads((output / "labels.json").read_text())
    assert (told["labels kept"], told["labels added"]) == (1, 3)
    assert [each["class"] for each in told["added"]["0.png"]] == [0, 1]
    chosen = named_classes(DataConfig(image_dir=output, classes=parse_classes("all"), train_split=0.5, val_split=0.5))
    assert chosen.class_names == ("person", "blue thing")
    records = open_data(chosen)
    assert sorted(records.train[0].objects.labels.tolist()) == [0, 1]
    # People alone are another question to the same file, and no answer to this one.
    with Teacher(colours, output / ".answers", every_class=True) as teacher:
        assert set(teacher.answers("nothing seen", lambda: np.zeros((8, 8, 3), np.uint8))) == {0}
    assert [path.stem.rpartition("-")[2] for path in (output / ".answers").iterdir()] == ["classes"]


def test_a_teacher_of_people_alone_cannot_name_every_class(photographs: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="tells no classes apart"):
        Teacher(model_file("nano"), tmp_path / "answers", every_class=True)

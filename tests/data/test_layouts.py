"""Data sets laid out as people have them."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from uhd.data.check import check_data
from uhd.data.class_names import left_out
from uhd.data.config import DataConfig, parse_classes
from uhd.data.open import OpenedData, open_data
from uhd.errors import UserError

LABEL = "0 0.5 0.5 0.2 0.4\n"


def photographs(folder: Path, count: int, first: int = 0, suffix: str = ".png", label: str = LABEL) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(first, first + count):
        image = np.random.default_rng(i).integers(0, 256, (40, 60, 3), dtype=np.uint8)
        assert cv2.imwrite(str(folder / f"{i:03d}{suffix}"), image)
        (folder / f"{i:03d}.txt").write_text(label)
    return folder


def numbers(opened: OpenedData) -> tuple[list[int], list[int]]:
    train, val = ([int(record.image.stem) for record in part] for part in (opened.train, opened.val))
    return train, val


@pytest.mark.parametrize("names", [("Train", "Val"), ("train2017", "val2017"), ("training", "validation")])
@pytest.mark.parametrize("below", [".", "images"])
def test_parts_whatever_they_are_called(tmp_path: Path, names: tuple[str, str], below: str) -> None:
    photographs(tmp_path / below / names[0], 3)
    photographs(tmp_path / below / names[1], 2, 100)
    photographs(tmp_path / below / "Test", 2, 200)
    opened = open_data(DataConfig(image_dir=tmp_path))
    assert numbers(opened) == ([0, 1, 2], [100, 101])
    assert opened.test is not None
    assert [int(record.image.stem) for record in opened.test] == [200, 201]


def test_a_picture_beside_the_parts_is_left_out_and_told(tmp_path: Path) -> None:
    photographs(tmp_path / "train", 3)
    photographs(tmp_path / "val", 2, 100)
    photographs(tmp_path, 1, 300)
    opened = open_data(DataConfig(image_dir=tmp_path))
    assert numbers(opened) == ([0, 1, 2], [100, 101])
    assert any("left out" in line for line in opened.report.lines())


def test_the_test_part_of_a_data_yaml(tmp_path: Path) -> None:
    for name, first in (("train", 0), ("val", 100), ("test", 200)):
        photographs(tmp_path / name, 2, first)
    source = tmp_path / "data.yaml"
    source.write_text("train: train\nval: val\ntest: test\nnames: [person]\n")
    opened = open_data(DataConfig(image_dir=source))
    assert opened.test is not None
    assert len(opened.test) == 2
    source.write_text("train: train\nval: val\ntest: nowhere\nnames: [person]\n")
    opened = open_data(DataConfig(image_dir=source))
    assert opened.test is None
    assert any("not there" in line for line in opened.report.lines())


def test_labels_with_other_names(tmp_path: Path) -> None:
    photographs(tmp_path, 6)
    (tmp_path / "000.txt").rename(tmp_path / "000.TXT")
    (tmp_path / "001.txt").rename(tmp_path / "001.png.txt")
    opened = open_data(DataConfig(image_dir=tmp_path))
    assert all(len(record.boxes) == 1 for record in [*opened.train, *opened.val])
    assert any("001.png.txt" in line for line in opened.report.lines(cases=5))


def test_one_label_file_of_two_images_is_a_problem(tmp_path: Path) -> None:
    photographs(tmp_path, 3)
    photographs(tmp_path, 1, suffix=".jpg")
    report = open_data(DataConfig(image_dir=tmp_path)).report
    assert report.total == 1
    assert "000.jpg and to 000.png" in "".join(report.lines())


def test_classes_by_name_and_those_left_out(tmp_path: Path) -> None:
    photographs(tmp_path / "train", 2, label="0 0.5 0.5 0.2 0.4\n1 0.2 0.2 0.1 0.1\n")
    photographs(tmp_path / "val", 2, 9, label="1 0.2 0.2 0.1 0.1\n")
    source = tmp_path / "data.yaml"
    source.write_text("train: train\nval: val\nnames: [car, person]\n")
    opened = open_data(DataConfig(image_dir=source))
    assert opened.report.remarks == ["class 0 'car' only; 1 'person' (4 boxes) is left out: --classes 0,1"]
    assert opened.report.total == 0
    named = open_data(DataConfig(image_dir=source, classes=parse_classes("Person")))
    assert named.names == ("Person",)
    assert [len(record.boxes) for record in named.train] == [1, 1]
    with pytest.raises(UserError, match="did you mean 'person'"):
        open_data(DataConfig(image_dir=source, classes=parse_classes("persn")))
    with pytest.raises(UserError, match="use numbers"):
        open_data(DataConfig(image_dir=tmp_path / "train", classes=parse_classes("person")))
    assert left_out((0,), {}, ("car",)) == ""


def test_when_every_line_is_bad_the_first_are_shown(tmp_path: Path) -> None:
    photographs(tmp_path, 4, label="0 50 40 30 60\n")
    with pytest.raises(UserError, match=r"4 x bad label line: .*000\.txt:1: box 50 40 30 60 is in pixels"):
        open_data(DataConfig(image_dir=tmp_path))


def test_corners_are_read_as_corners_and_said(tmp_path: Path) -> None:
    photographs(tmp_path, 4, label="0 0.3 0.3 0.6 0.9\n")
    opened = open_data(DataConfig(image_dir=tmp_path))
    np.testing.assert_allclose(opened.train[0].boxes, [[0.3, 0.3, 0.6, 0.9]], atol=1e-6)
    assert "x1 y1 x2 y2" in opened.report.remarks[0]


def coco(path: Path, folder: Path, separator: str = "/", roboflow: bool = False) -> Path:
    names = sorted(folder.glob("*.png"))
    images = [{"id": i, "file_name": f"{folder.name}{separator}{p.name}", "width": 60, "height": 40}
              for i, p in enumerate(names)]  # fmt: skip
    boxes = [{"id": i, "image_id": i, "category_id": 1, "bbox": [6, 4, 12, 20],
              "segmentation": [[6, 4, 18, 4, 18, 24]]} for i in range(len(names))]  # fmt: skip
    categories = [{"id": 1, "name": "person", "supercategory": "people" if roboflow else "person"}]
    if roboflow:
        categories.insert(0, {"id": 0, "name": "people", "supercategory": "none"})
    path.write_text(json.dumps({"images": images, "annotations": boxes, "categories": categories}))
    return path


@pytest.mark.parametrize("separator", ["/", "\\"])
@pytest.mark.parametrize("roboflow", [False, True])
def test_two_coco_files_are_two_parts(tmp_path: Path, separator: str, roboflow: bool) -> None:
    parts = {}
    for name, first in (("train", 0), ("val", 100)):
        folder = photographs(tmp_path / name, 3, first)
        for label in folder.glob("*.txt"):
            label.unlink()
        parts[name] = coco(tmp_path / f"{name}.json", folder, separator, roboflow)
    opened = open_data(DataConfig(train_list=parts["train"], val_list=parts["val"]))
    assert numbers(opened) == ([0, 1, 2], [100, 101, 102])
    assert opened.names == ("person",)
    np.testing.assert_allclose(opened.train[0].boxes, [[0.1, 0.1, 0.3, 0.6]], atol=1e-6)
    assert opened.train[0].objects.masks is not None
    source = tmp_path / "data.yaml"
    source.write_text("train: train.json\nval: val.json\n")
    assert numbers(open_data(DataConfig(image_dir=source))) == numbers(opened)


def test_check_names_orphans_and_images_without_labels(tmp_path: Path) -> None:
    photographs(tmp_path, 6)
    (tmp_path / "000.txt").rename(tmp_path / "other.txt")
    (tmp_path / "classes.txt").write_text("person\n")
    found = check_data(DataConfig(image_dir=tmp_path, train_split=0.5), progress=False)
    text = found.to_text()
    assert not found.clean
    assert f"{tmp_path / 'other.txt'}: belongs to no image" in text
    assert str(tmp_path / "000.png") in text
    assert "classes.txt" not in text

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from uhd.data.config import DataConfig
from uhd.data.open import NO_LABEL_FILE, open_data, read_dataset
from uhd.data.problems import BAD_IMAGE, BAD_LABEL, MISSING_IMAGE, UNKNOWN_CLASS
from uhd.errors import UserError


def test_split_depends_on_names_and_seed_only(tmp_path: Path, make_folder) -> None:
    for place in ("one", "two"):
        make_folder(tmp_path / place, 20)
    for by in ("shuffle", "name"):
        splits = [open_data(DataConfig(image_dir=tmp_path / place, split_by=by), 3) for place in ("one", "two")]
        assert [r.image.name for r in splits[0].train] == [r.image.name for r in splits[1].train]
        assert len(splits[0].train) + len(splits[0].val) == 20
        assert by == "name" or len(splits[0].val) == 4
        other = open_data(DataConfig(image_dir=tmp_path / "one", split_by=by), 4)
        assert [r.image for r in other.val] != [r.image for r in splits[0].val]


def test_data_that_grew_keeps_its_validation_images(tmp_path: Path, make_folder) -> None:
    make_folder(tmp_path, 12)
    before = open_data(DataConfig(image_dir=tmp_path))
    make_folder(tmp_path, 24)
    after = open_data(DataConfig(image_dir=tmp_path))
    assert {r.image for r in before.val} < {r.image for r in after.val}
    assert {r.image for r in before.train} < {r.image for r in after.train}


def test_empty_images_stay_unless_dropped(tmp_path: Path, make_folder) -> None:
    make_folder(tmp_path, 9)
    kept, dropped = (open_data(DataConfig(image_dir=tmp_path, drop_empty=drop)) for drop in (False, True))
    assert len(kept.train) + len(kept.val) == 9
    assert len(dropped.train) + len(dropped.val) == 6
    assert all(len(record.boxes) for record in dropped.train + dropped.val)
    assert sum(dropped.report.notes.values()) == 3


def test_images_without_label_file_are_empty_and_told(tmp_path: Path, make_folder) -> None:
    make_folder(tmp_path, 6)
    (tmp_path / "p001.txt").unlink()
    opened = open_data(DataConfig(image_dir=tmp_path, strict=True))
    assert opened.report.notes == {NO_LABEL_FILE: 1}
    assert sum(len(record.boxes) for record in opened.train + opened.val) == 0 + 2 + 0 + 1 + 2


def test_awkward_folder_is_survived(tmp_path: Path, make_folder, picture) -> None:
    make_folder(tmp_path, 6)
    good = picture(30, 40)
    cv2.imwrite(str(tmp_path / "UPPER.JPG"), good)
    (tmp_path / "UPPER.txt").write_text("0 .5 .5 .2 .2\n0 nan .5 .2 .2\n7 .5 .5 .2 .2\n")
    data = (tmp_path / "UPPER.JPG").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(data[: len(data) // 2])
    (tmp_path / "zero.jpg").touch()
    (tmp_path / "text.jpg").write_text("hello")
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "dangling.jpg").symlink_to("nowhere.jpg")
    config = DataConfig(image_dir=tmp_path, split_by="shuffle")
    opened = open_data(config)
    count = sum(len(read_dataset(part, config, opened.report, False)) for part in (opened.train, opened.val))
    assert count == 7
    assert opened.report.counts == {BAD_LABEL: 1, UNKNOWN_CLASS: 1, BAD_IMAGE: 3, MISSING_IMAGE: 2}
    text = "\n".join(opened.report.lines(9))
    for word in ("UPPER.txt:2", "UPPER.txt:3", "cut.jpg", "zero.jpg", "text.jpg", "folder.jpg", "dangling.jpg"):
        assert word in text


@pytest.mark.parametrize(
    ("name", "content"),
    [("p001.txt", b"0 nan 1 1 1"), ("p001.txt", b"9 .5 .5 .1 .1"), ("p001.png", b""), ("x.jpg", b"text")],
)
def test_strict_stops(tmp_path: Path, make_folder, name: str, content: bytes) -> None:
    make_folder(tmp_path, 6)
    (tmp_path / name).write_bytes(content)
    config = DataConfig(image_dir=tmp_path, strict=True)

    def read_all() -> None:
        opened = open_data(config)
        for part in (opened.train, opened.val):
            read_dataset(part, config, opened.report, False)

    with pytest.raises(UserError, match=name.replace(".", r"\.")):
        read_all()


def test_what_the_user_must_mend(tmp_path: Path, make_folder) -> None:
    folder = make_folder(tmp_path / "set", 6)
    with pytest.raises(UserError, match="no box of --classes 3; the label files hold class 0"):
        open_data(DataConfig(image_dir=folder, classes=(3,)))
    with pytest.raises(UserError, match="1 names for 2"):
        open_data(DataConfig(image_dir=folder, classes=(0, 1), class_names=("person",)))
    with pytest.raises(UserError, match="no validation images"):
        open_data(DataConfig(image_dir=folder, train_split=1.0, val_split=0.0))
    config = DataConfig(image_dir=folder, cache="file", cache_dir=folder / "cache")
    opened = open_data(config)
    with pytest.raises(UserError, match="never written"):
        read_dataset(opened.train, config, opened.report, False)
    for label in folder.glob("*.txt"):
        label.unlink()
    with pytest.raises(UserError, match=r"no label files: .*p000\.txt"):
        open_data(DataConfig(image_dir=folder))


def test_nothing_readable(tmp_path: Path, make_folder) -> None:
    make_folder(tmp_path, 4)
    for image in tmp_path.glob("*.png"):
        image.write_bytes(b"")
    config = DataConfig(image_dir=tmp_path)
    opened = open_data(config)
    with pytest.raises(UserError, match=r"none of the .* can be read: .+"):
        read_dataset(opened.train, config, opened.report, False)


def test_names(tmp_path: Path, make_folder) -> None:
    make_folder(tmp_path / "images/train", 4)
    make_folder(tmp_path / "images/val", 4, seed=1)
    (tmp_path / "data.yaml").write_text("train: images/train\nval: images/val\nnames: [person, car]\n")
    assert open_data(DataConfig(image_dir=tmp_path)).names == ("person",)
    assert open_data(DataConfig(image_dir=tmp_path / "data.yaml", classes=(1, 0))).names == ("car", "person")
    assert open_data(DataConfig(image_dir=tmp_path, classes=(0, 4))).names == ("0", "4")
    assert open_data(DataConfig(image_dir=tmp_path, class_names=("child",))).names == ("child",)
    with pytest.raises(UserError, match="names only 0 person"):
        open_data(DataConfig(image_dir=tmp_path / "data.yaml", classes=(2,)))


def test_ignore_regions_arrive(tmp_path: Path, make_folder) -> None:
    make_folder(tmp_path / "train", 3)
    make_folder(tmp_path / "val", 3)
    (tmp_path / "ignore.json").write_text(json.dumps({"p001": [[0.5, 0.5, 0.2, 0.2]]}))
    opened = open_data(DataConfig(image_dir=tmp_path))
    assert [len(record.ignore) for record in opened.train] == [0, 1, 0]


def test_coco_file(tmp_path: Path, make_folder) -> None:
    make_folder(tmp_path / "images", 5)
    images = [{"id": i, "file_name": f"p{i:03d}.png", "width": 60 - 2 * i, "height": 40 + 4 * i} for i in range(5)]
    boxes = [{"id": i, "image_id": i, "category_id": 1, "bbox": [5, 5, 10, 10]} for i in range(4)]
    content = {"images": images, "annotations": boxes, "categories": [{"id": 1, "name": "person"}]}
    (tmp_path / "person.json").write_text(json.dumps(content))
    opened = open_data(DataConfig(image_dir=tmp_path / "person.json"))
    assert len(opened.train) + len(opened.val) == 5
    assert opened.names == ("person",)


@pytest.mark.shared
def test_photographs(people: Path) -> None:
    opened = open_data(DataConfig(image_dir=people))
    assert (len(opened.train), len(opened.val)) == (2920, 366)
    assert sum(len(record.boxes) for record in opened.train) == 2795
    assert sum(len(record.ignore) for record in opened.train) == 157
    assert sum(len(record.boxes) for record in opened.val) == 386
    assert opened.report.total == 0
    boxes = np.concatenate([record.boxes for record in opened.train])
    assert (boxes[:, 2:] > boxes[:, :2]).all()

from __future__ import annotations

from pathlib import Path

import pytest

from uhd.data.discover import discover, find_images, label_path, read_list
from uhd.data.problems import MISSING_IMAGE, Report
from uhd.errors import UserError


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def names(paths: list[Path] | None) -> list[str]:
    return [path.name for path in paths or []]


def test_recursive_sorted_any_case(tmp_path: Path) -> None:
    touch(
        *(
            tmp_path / name
            for name in ("b.JPG", "a.png", "sub/deep/c.WebP", "d.bmp", "e.jpeg", "x.txt", "y.gif", "z.svg")
        )
    )
    touch(tmp_path / ".thumbs/t.jpg", tmp_path / "._a.png")
    found = find_images(tmp_path, Report())
    assert names(found) == ["a.png", "b.JPG", "d.bmp", "e.jpeg", "c.WebP", "y.gif"]
    assert found == sorted(found, key=str)


def test_folder_named_like_an_image_and_dangling_link(tmp_path: Path) -> None:
    touch(tmp_path / "a.jpg")
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "link.jpg").symlink_to(tmp_path / "gone.jpg")
    report = Report()
    assert names(find_images(tmp_path, report)) == ["a.jpg"]
    assert report.counts == {MISSING_IMAGE: 2}
    with pytest.raises(UserError, match=r"folder\.jpg|link\.jpg"):
        find_images(tmp_path, Report(strict=True))


def test_linked_folders_are_followed_and_loops_end(tmp_path: Path) -> None:
    touch(tmp_path / "store/a.jpg")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/linked").symlink_to(tmp_path / "store")
    (tmp_path / "store/back").symlink_to(tmp_path / "store")
    assert names(find_images(tmp_path / "data", Report())) == ["a.jpg"]


def test_pictures_of_a_run_are_no_photographs(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "a"
    touch(
        tmp_path / "a.jpg", run / "settings.yaml", run / "metrics.csv", run / "results.png", run / "samples" / "b.png"
    )
    report = Report()
    assert names(find_images(tmp_path, report)) == ["a.jpg"]
    assert report.remarks == [f"{run}: is the folder of a run: its pictures are left out"]


def test_missing_and_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none: no such folder"):
        discover(tmp_path / "none", None, None, Report())
    with pytest.raises(UserError, match="holds no image"):
        discover(tmp_path, None, None, Report())
    with pytest.raises(UserError, match="--image-dir"):
        discover(None, None, None, Report())


@pytest.mark.parametrize("val", ["val", "valid", "validation"])
@pytest.mark.parametrize("base", ["", "images"])
def test_split_folders_are_used_as_they_are(tmp_path: Path, val: str, base: str) -> None:
    touch(tmp_path / base / "train/a.jpg", tmp_path / base / val / "b.jpg", tmp_path / base / "test/c.jpg")
    found = discover(tmp_path, None, None, Report())
    assert (names(found.train), names(found.val)) == (["a.jpg"], ["b.jpg"])


def test_images_folder_without_its_neighbours(tmp_path: Path) -> None:
    touch(tmp_path / "images/a.jpg", tmp_path / "masks/a.png")
    found = discover(tmp_path, None, None, Report())
    assert names(found.train) == ["a.jpg"]
    assert found.val is None


def test_label_beside_or_in_labels(tmp_path: Path) -> None:
    touch(tmp_path / "a.jpg", tmp_path / "a.txt")
    assert label_path(tmp_path / "a.jpg") == tmp_path / "a.txt"
    image = tmp_path / "images" / "train" / "b.JPG"
    assert label_path(image) == tmp_path / "labels" / "train" / "b.txt"
    assert label_path(tmp_path / "x.jpg") == tmp_path / "x.txt"


def test_list_entries_are_tried_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path / "lists/near.jpg", tmp_path / "images/far.jpg", tmp_path / "images/base.jpg", tmp_path / "cwd.jpg")
    absolute = tmp_path / "absolute.jpg"
    touch(absolute)
    path = tmp_path / "lists/train.txt"
    path.write_text(f"near.jpg\n\nfar.jpg\nsomewhere/else/base.jpg\ncwd.jpg\n{absolute}\nlost.jpg\n")
    monkeypatch.chdir(tmp_path)
    report = Report()
    found = read_list(path, tmp_path / "images", report)
    assert names(found) == ["near.jpg", "far.jpg", "base.jpg", "cwd.jpg", "absolute.jpg"]
    assert report.examples[MISSING_IMAGE] == [f"{path}:7: lost.jpg: there is no such file"]


def test_lists_come_in_pairs(tmp_path: Path) -> None:
    touch(tmp_path / "a.jpg", tmp_path / "b.jpg")
    (tmp_path / "t.txt").write_text("a.jpg")
    (tmp_path / "v.txt").write_text("b.jpg")
    found = discover(None, tmp_path / "t.txt", tmp_path / "v.txt", Report())
    assert (names(found.train), names(found.val)) == (["a.jpg"], ["b.jpg"])
    with pytest.raises(UserError, match="--val-list is missing"):
        discover(tmp_path, tmp_path / "t.txt", None, Report())
    with pytest.raises(UserError, match="cannot read"):
        discover(None, tmp_path / "t.txt", tmp_path / "none.txt", Report())


@pytest.mark.parametrize("entry", ["train/images", "../train/images"])
def test_data_yaml(tmp_path: Path, entry: str) -> None:
    root = tmp_path / "set"
    touch(root / "train/images/a.jpg", root / "valid/images/b.jpg")
    (root / "data.yaml").write_text(f"train: {entry}\nval: valid/images\nnc: 2\nnames: [person, car]\n")
    report = Report()
    found = discover(root / "data.yaml", None, None, report)
    assert (names(found.train), names(found.val)) == (["a.jpg"], ["b.jpg"])
    assert [line for line in report.remarks if "is taken" in line] == (
        [f"{root / 'data.yaml'}: {entry} is not there: {root / 'train/images'} is taken"] if ".." in entry else []
    )
    assert found.names == ("person", "car")


def test_two_entries_whose_ends_are_one_folder_are_refused(tmp_path: Path) -> None:
    touch(tmp_path / "images/a.jpg")
    (tmp_path / "data.yaml").write_text("train: ../train/images\nval: ../valid/images\nnames: [person]\n")
    with pytest.raises(UserError, match=r"train/images and ../valid/images: both would be"):
        discover(tmp_path / "data.yaml", None, None, Report())


def test_data_yaml_with_path_named_classes_and_list(tmp_path: Path) -> None:
    touch(tmp_path / "set/im/a.jpg", tmp_path / "set/im/b.jpg")
    (tmp_path / "set/train.txt").write_text("im/a.jpg\nim/b.jpg\n")
    (tmp_path / "data.yaml").write_text("path: set\ntrain: [train.txt]\nnames: {0: person, 2: dog}\n")
    found = discover(tmp_path / "data.yaml", None, None, Report())
    assert names(found.train) == ["a.jpg", "b.jpg"]
    assert found.val is None
    assert found.names == ("person", "1", "dog")


@pytest.mark.parametrize("text", ["[1, 2", "val: x", "train: missing", "train: .\nnames: 3"])
def test_broken_data_yaml(tmp_path: Path, text: str) -> None:
    touch(tmp_path / "a.jpg")
    (tmp_path / "data.yaml").write_text(text)
    with pytest.raises(UserError, match=r"data\.yaml"):
        discover(tmp_path / "data.yaml", None, None, Report())


def test_labels_of_rarer_layouts(tmp_path: Path) -> None:
    for image, label in (
        ("a/img/1.png", "a/lbl/1.txt"),
        ("b/imgs/x/1.png", "b/lbls/x/1.txt"),
        ("c/image/1.png", "c/label/1.txt"),
        ("d/img/1.png", "d/labels/1.txt"),
        ("e/images/train/1.png", "e/labels/1.txt"),
        ("e/images/val/2.png", "e/labels/2.txt"),
    ):
        for path in (image, label):
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).touch()
        assert label_path(tmp_path / image) == tmp_path / label
    # A label of two pictures belongs to neither.
    (tmp_path / "e/images/val/1.jpg").touch()
    assert label_path(tmp_path / "e/images/train/1.png") == tmp_path / "e/labels/train/1.txt"
    # Where there are no labels, their place is that of the common layouts.
    assert label_path(tmp_path / "z/img/1.png") == tmp_path / "z/img/1.txt"

"""Over twenty kinds of faults planted into a data set: check finds each and nothing else, clean leaves it out."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.data.conftest import Draw
from uhd.cli import main
from uhd.data.check import DataCheck, check_data
from uhd.data.clean import FullReport, refused_images
from uhd.data.config import DataConfig
from uhd.data.image_size import shown_size
from uhd.data.perceptual_hash import groups_of, look_alike, thumbnail

EXIF_6 = bytes.fromhex(
    "ffe1 0022 457869660000 4d4d002a00000008 0001 0112 0003 00000001 0006 0000 00000000".replace(" ", "")
)


def label(image: Path, text: str) -> None:
    image.with_suffix(".txt").write_text(text)


def turned(image: Path) -> None:
    """Store a picture with EXIF to turn it by a quarter, and labels of people who stand in it as it is stored."""
    raw = image.read_bytes()
    height, width = cv2.imread(str(image)).shape[:2]
    assert not 0.85 < height / width < 1.18, "in a square neither way is wrong"
    image.write_bytes(raw[:2] + EXIF_6 + raw[2:])
    share = 0.5 * height / width / (3 if width > height else 2.2)
    label(image, f"0 0.7 0.5 {share:.4f} 0.5\n0 0.2 0.5 {share:.4f} 0.5\n")


def saved_again(image: Path, other: Path, mirrored: bool = False) -> None:
    pixels = cv2.imread(str(image))
    pixels = cv2.resize(pixels, None, fx=0.8, fy=0.8, interpolation=cv2.INTER_AREA)
    other.unlink()
    assert cv2.imwrite(str(other), pixels[:, ::-1] if mirrored else pixels, [cv2.IMWRITE_JPEG_QUALITY, 80])


Plant = Callable[[Path, Path], object]
# Kind -> (what is done to an image and another one, words of the report).
FAULTS: dict[str, tuple[Plant, str]] = {
    "truncated": (lambda a, b: a.write_bytes(a.read_bytes()[:-300]), "unreadable image"),
    "empty file": (lambda a, b: a.write_bytes(b""), "unreadable image"),
    "no image": (lambda a, b: a.write_text("hello"), "unreadable image"),
    "dangling link": (lambda a, b: (a.unlink(), a.symlink_to("nowhere.jpg")), "missing image"),
    "folder": (lambda a, b: (a.unlink(), a.mkdir()), "missing image"),
    "copy": (lambda a, b: shutil.copy(a, b), "repeated within a split"),
    "saved again": (saved_again, "look the same within a split"),
    "mirrored": (lambda a, b: saved_again(a, b, True), "look the same within a split"),
    "four fields": (lambda a, b: label(a, "0 .5 .5 .1\n"), "bad label line"),
    "not a number": (lambda a, b: label(a, "0 .5 nan .1 .2\n"), "bad label line"),
    "names": (lambda a, b: label(a, "person .5 .5 .1 .2\n"), "bad label line"),
    "commas": (lambda a, b: label(a, "0,.5,.5,.1,.2\n"), "bad label line"),
    "pixels": (lambda a, b: label(a, "0 50 40 20 30\n"), "bad label line"),
    "outside": (lambda a, b: label(a, "0 1.4 .5 .2 .2\n"), "bad label line"),
    "no area": (lambda a, b: label(a, "0 .5 .5 0 .2\n"), "bad label line"),
    "line twice": (lambda a, b: label(a, "0 .5 .5 .1 .2\n0 .5 .5 .1 .2\n"), "bad label line"),
    "no pixel": (lambda a, b: label(a, "0 .5 .5 .002 .2\n"), "smaller than a pixel"),
    "unknown class": (lambda a, b: label(a, "3 .5 .5 .1 .2\n"), "class not wanted"),
    "orphan": (lambda a, b: label(a.with_name("zzz.jpg"), "0 .5 .5 .1 .2\n"), "label file without image"),
    "shared labels": (
        lambda a, b: (shutil.move(b, a.with_suffix(".png")), b.with_suffix(".txt").unlink()),
        "label file of two images",
    ),
    "labels of the unturned": (lambda a, b: turned(a), "before EXIF turns it"),
    "bad ignore region": (
        lambda a, b: (a.parent / "ignore.json").write_text(json.dumps({a.stem: [[0.5, 0.5, 0, 1]]})),
        "bad ignore region",
    ),
}  # fmt: skip


def photographs(folder: Path, picture: Draw, count: int, seed: int) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{seed}{i:02d}.jpg" for i in range(count)]
    for i, path in enumerate(paths):
        # Not smooth alone, so that they do not look alike to a hash of low frequencies.
        assert cv2.imwrite(str(path), picture(120, 160, 100 * seed + i))
        label(path, "" if i % 3 == 0 else f"0 0.{2 + i % 6} 0.5 0.1 0.4\n")
    return paths


def check(folder: Path) -> DataCheck:
    return check_data(DataConfig(image_dir=folder), progress=False)


@pytest.mark.parametrize("kind", FAULTS)
def test_every_kind_is_found(kind: str, tmp_path: Path, picture: Draw) -> None:
    plant, told = FAULTS[kind]
    train = photographs(tmp_path / "train", picture, 7, 1)
    photographs(tmp_path / "val", picture, 2, 2)
    plant(train[1], train[4])
    report = FullReport()
    found = check_data(DataConfig(image_dir=tmp_path), progress=False, report=report)
    # All that is said of an image that is there leaves it out.
    assert bool(refused_images(found, report, near=True)) == (kind not in ("dangling link", "folder", "orphan"))
    assert told in found.to_text()
    assert found.clean == ("no error" in next(line for line in found.to_text().splitlines() if told in line))
    assert sum(found.report.counts.values()) + len(found.duplicates) + len(found.near_duplicates) == 1


def test_a_clean_set_is_clean_and_leaks_are_not(tmp_path: Path, picture: Draw, capsys) -> None:
    train = photographs(tmp_path / "in/train", picture, 7, 1)
    val = photographs(tmp_path / "in/val", picture, 4, 2)
    assert check(tmp_path / "in").clean
    shutil.copy(train[1], val[0])
    saved_again(train[2], val[1])
    shutil.copy(train[3], train[4])
    saved_again(train[5], train[6])
    label(train[0], "0 .5 .5 .1\n")
    assert main(["data", "check", str(tmp_path / "in"), "--json"]) == 1
    content = json.loads(capsys.readouterr().out)
    assert content["leaks"] == [[str(train[1]), str(val[0])]]
    assert content["near_leaks"] == [[str(train[2]), str(val[1])]]
    assert content["near_duplicates"] == [[str(train[5]), str(train[6])]]
    command = ["data", "clean", str(tmp_path / "in"), "--output", str(tmp_path / "lists")]
    assert main([*command, "--json"]) == 0
    refused = json.loads(capsys.readouterr().out)["refused"]
    assert set(refused) == {str(train[i]) for i in (0, 1, 2, 4)}
    lists = [(tmp_path / "lists" / name).read_text().split() for name in ("train.txt", "val.txt")]
    assert lists == [[str(train[i]) for i in (3, 5, 6)], list(map(str, val))]
    assert main(command) == 0
    assert main([*command, "--near"]) == 2  # another list: it is not replaced
    assert "give --overwrite" in capsys.readouterr().err


def test_coco_ids_and_sizes(tmp_path: Path, picture: Draw) -> None:
    photographs(tmp_path, picture, 2, 1)
    content = {
        "images": [{"id": i, "file_name": f"10{i}.jpg", "width": 160, "height": 120 + i} for i in (0, 1)],
        "annotations": [
            {"id": 1, "image_id": 0, "category_id": 1, "bbox": [0, 0, 9, 9]},
            {"id": 2, "image_id": 5, "category_id": 1, "bbox": [0, 0, 9, 9]},
            {"id": 3, "image_id": 0, "category_id": 2, "bbox": [0, 0, 9, 9]},
        ],
        "categories": [{"id": 1, "name": "person"}],
    }
    (tmp_path / "a.json").write_text(json.dumps(content))
    found = check_data(DataConfig(image_dir=tmp_path / "a.json", train_split=0.5, val_split=0.5), progress=False)
    assert found.report.counts == {"id that leads nowhere": 2, "picture of another size than its labels say": 1}


def test_look_alike_tells_pictures_apart(picture: Draw) -> None:
    pictures = [picture(90, 120, seed) for seed in range(60)]
    brighter = np.clip(pictures[3] * 0.9 + 20, 0, 255).astype(np.uint8)
    flat = [np.full((50, 50, 3), level, np.uint8) for level in (0, 1)]
    found = look_alike([thumbnail(each) for each in [*pictures, brighter, *flat]])
    assert found == [(3, 60)]
    assert look_alike([]) == []
    assert groups_of([(0, 4), (4, 2), (7, 8)]) == [[0, 2, 4], [7, 8]]


@pytest.mark.shared
@pytest.mark.slow
def test_photographs_and_ten_thousand_of_them(people: Path, tmp_path: Path) -> None:
    """No false error in 3,286 photographs, planted faults found; 10,000 photographs in a minute of one core."""
    assert check(people).clean
    copies = tmp_path / "many"
    for part in ("train", "val"):
        (copies / part).mkdir(parents=True)
        for path in sorted((people / part).iterdir()):
            (copies / part / path.name).symlink_to(path)
    oblong = [path for path in (people / "train").glob("*.jpg") if not 0.8 < np.divide(*shown_size(path)) < 1.25]
    photographs_of = sorted(copies / "train" / path.name for path in oblong)
    for i, (kind, (plant, told)) in enumerate(FAULTS.items()):
        a, b = photographs_of[20 * i + 20], photographs_of[20 * i + 30]
        for path in (a, b):
            content, text = path.read_bytes(), path.with_suffix(".txt").read_text()
            path.unlink()
            path.with_suffix(".txt").unlink()
            path.write_bytes(content)
            path.with_suffix(".txt").write_text(text)
        plant(a, b)
        assert told, kind
    more = sorted((people.parent / "more/train").glob("*.jpg"))[: 10_000 - 3_286]
    for path in [*more, *(path.with_suffix(".txt") for path in more)]:
        (copies / "train" / f"more_{path.name}").symlink_to(path)
    began = time.process_time()
    text = check(copies).to_text()
    assert time.process_time() - began < 60
    for _, told in FAULTS.values():
        assert told in text

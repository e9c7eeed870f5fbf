"""Conversions lose nothing: boxes, classes, parts, crowds, marks, outlines, keypoints, empty images, sizes."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from uhd.cli import main
from uhd.data.convert import convert
from uhd.data.labelled_set import LabelledSet
from uhd.data.problems import Report
from uhd.data.read_set import guess_format, read_set
from uhd.errors import UserError
from uhd.outlines import fill_outline
from uhd.refer.world.dataset import write_world

VOC = """<annotation><filename>{name}</filename><size><width>{w}</width><height>{h}</height></size>
<object><name>person</name><difficult>1</difficult><truncated>1</truncated>
<bndbox><xmin>1</xmin><ymin>11</ymin><xmax>{w}</xmax><ymax>20</ymax></bndbox>
<part><name>head</name><bndbox><xmin>1</xmin><ymin>11</ymin><xmax>5</xmax><ymax>15</ymax></bndbox></part></object>
<object><name>ant</name><bndbox><xmin>3</xmin><ymin>4</ymin><xmax>3</xmax><ymax>4</ymax></bndbox></object>
<object><name>ant</name><bndbox><xmin>9</xmin><ymin>4</ymin><xmax>3</xmax><ymax>4</ymax></bndbox></object>
</annotation>"""


def draw(path: Path, height: int = 50, width: int = 100) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full((height, width, 3), 90, np.uint8))
    return path


def read(place: Path) -> LabelledSet:
    report = Report()
    found = read_set(place, "auto", report)
    assert report.total == 0, report.lines()
    return found


def facts(found: LabelledSet, pixels: bool = False, marks: bool = True) -> list[object]:
    """What a set says, image by image, in an order that no format changes."""
    rows: list[object] = [found.names]
    for part, records in found.parts.items():
        for record in sorted(records, key=lambda record: record.image.name):
            objects = record.objects
            scale = np.array(cv2.imread(str(record.image)).shape[1::-1] * 2) if pixels else np.ones(4)
            boxes = np.round(objects.boxes * scale) if pixels else objects.boxes
            points = None if objects.keypoints is None else objects.keypoints[objects.keypoints[..., 2] > 0].tolist()
            masks = objects.masks if objects.masks is not None else ((),) * len(objects)
            rings = [[ring.tolist() for ring in mask] for mask in masks]
            said = [sorted(each) for each in record.marks] if marks else None
            rows.append((part, record.image.name, boxes.tolist(), objects.labels.tolist(), points or None, rings, said))
    return rows


@pytest.fixture
def yolo(tmp_path: Path) -> Path:
    """Two classes, three parts, sub-folders, outlines, crowds, empty images; two images share a stem."""
    root = tmp_path / "yolo"
    texts = {
        "train/a.png": "1 0.5 0.41 0.123456 0.3\n0 0.1 0.9 0.1 0.1\n",
        "train/deep/b.jpg": "0 0.1 0.1 0.9 0.2 0.5 0.8\n",
        "val/c.png": "",
        "test/a.png": "1 0.984 0.25 0.1 0.3\n",  # hangs over the edge
    }
    for name, text in texts.items():
        draw(root / "images" / name, 48, 97)
        label = (root / "labels" / name).with_suffix(".txt")
        label.parent.mkdir(parents=True, exist_ok=True)
        label.write_text(text)
    (root / "images/train/ignore.json").write_text('{"a": [[0.25, 0.3, 0.2, 0.111111]]}')
    (root / "data.yaml").write_text("train: images/train\nval: images/val\ntest: images/test\nnames: [zebra, ant]\n")
    return root


def test_the_round_trip_loses_nothing(tmp_path: Path, yolo: Path) -> None:
    before = facts(read(yolo))
    files = sorted(yolo.rglob("*"))
    places = [yolo, *(tmp_path / name for name in ("1", "2", "3", "4"))]
    for source, output, to in zip(places, places[1:], ("yolo", "coco", "voc", "yolo"), strict=False):
        convert(source, output, to)
    for place in places[1:3]:
        assert facts(read(place)) == before
    for place in places[3:]:
        assert facts(read(place), pixels=True) == facts(read(yolo), pixels=True)
    assert sorted(yolo.rglob("*")) == files
    assert (tmp_path / "1/labels/train/a.txt").read_text() == "1 0.5 0.41 0.123456 0.3\n0 0.1 0.9 0.1 0.1\n"
    state = {path: path.stat().st_mtime_ns for path in (tmp_path / "1").rglob("*") if "labels" in path.parts}
    convert(yolo, tmp_path / "1", "yolo")
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "1").rglob("*") if "labels" in path.parts} == state


def test_sizes_are_those_of_the_files_and_empty_images_stay(tmp_path: Path) -> None:
    for i in range(10):
        draw(tmp_path / f"in/images/train/{i}.jpg")
        (tmp_path / "in/labels/train").mkdir(parents=True, exist_ok=True)
        (tmp_path / f"in/labels/train/{i}.txt").write_text("")
    (tmp_path / "in/labels/train/3.txt").write_text("0.0 0.5 0.5 0.5 0.5\n")
    (tmp_path / "in/labels/train/classes.txt").write_text("person\n")
    done = convert(tmp_path / "in", tmp_path / "out", "coco")
    content = json.loads((tmp_path / "out/annotations/instances_train.json").read_text())
    assert {(image["width"], image["height"]) for image in content["images"]} == {(100, 50)}
    assert (len(content["images"]), done.empty) == (10, 9)
    assert [each["bbox"] for each in content["annotations"]] == [[25, 12.5, 50, 25]]


def test_voc_counts_from_one_and_keeps_what_it_says(tmp_path: Path) -> None:
    draw(tmp_path / "voc/JPEGImages/x.JPG")
    (tmp_path / "voc/Annotations").mkdir()
    (tmp_path / "voc/Annotations/x.xml").write_text(VOC.format(name="x.JPG", w=100, h=50))
    report = Report()
    found = read_set(tmp_path / "voc", "auto", report)
    assert found.names == ("ant", "person")
    assert "box [9.0, 4.0, 3.0, 4.0] has no area" in report.examples["bad label line"][0]
    (record,) = found.records
    np.testing.assert_allclose(record.boxes * [100, 50, 100, 50], [[0, 10, 100, 20], [2, 3, 3, 4]], atol=1e-5)
    assert record.marks == (frozenset({"difficult", "truncated"}), frozenset())
    for source, output, to in (("voc", "1", "coco"), ("1", "2", "yolo"), ("2", "again", "voc")):
        convert(tmp_path / source, tmp_path / output, to)
    text = (tmp_path / "again/Annotations/x.xml").read_text()
    assert text.count("<xmin>1</xmin>") == text.count("<xmax>100</xmax>") == text.count("<difficult>1</difficult>") == 1
    assert facts(read(tmp_path / "again")) == facts(found)


def test_coco_crowds_run_lengths_and_keypoints(tmp_path: Path) -> None:
    draw(tmp_path / "images/a.png", 4, 5)
    crowd = {"size": [4, 5], "counts": [5, 2, 2, 2, 9]}  # two by two pixels from (1, 1)
    points = [1, 1, 2, 0, 0, 0, 4, 3, 1]
    annotations = [
        {"id": 9, "image_id": 7, "category_id": 4, "bbox": [1, 1, 2, 2], "iscrowd": 1, "segmentation": crowd},
        {"id": 8, "image_id": 7, "category_id": 4, "bbox": [1, 1, 2, 2], "keypoints": points, "difficult": 1},
        {"id": 7, "image_id": 6, "category_id": 4, "bbox": [1, 1, 2, 2]},
        {"id": 6, "image_id": 7, "category_id": 3, "bbox": [1, 1, 2, 2]},
    ]
    content = {"images": [{"id": 7, "file_name": "a.png"}], "annotations": annotations}
    (tmp_path / "a.json").write_text(json.dumps(content | {"categories": [{"id": 4, "name": "person"}]}))
    report = Report()
    found = read_set(tmp_path / "a.json", "auto", report)
    assert report.counts == {"id that leads nowhere": 2}
    (record,) = found.records
    assert record.objects.masks is not None

    assert fill_outline(record.objects.masks[1], (4, 5)).astype(int).tolist() == [
        [0] * 5,
        *[[0, 1, 1, 0, 0]] * 2,
        [0] * 5,
    ]
    for output, to in (("y", "yolo"), ("v", "voc"), ("c", "coco")):
        out = tmp_path.parent / f"{tmp_path.name}-{output}"
        convert(tmp_path / "a.json", out, to)
        assert facts(read(out), pixels=True) == facts(found, pixels=True)


def test_cvat(tmp_path: Path) -> None:
    draw(tmp_path / "images/a.png")
    (tmp_path / "annotations.xml").write_text(
        """<annotations><meta><task><labels><label><name>person</name></label><label><name>ant</name></label></labels>
        </task></meta><image id="0" name="a.png" width="100" height="50" subset="Validation">
        <box label="ant" xtl="10" ytl="5" xbr="20" ybr="15" occluded="1"/>
        <box label="person" xtl="40" ytl="20" xbr="60" ybr="30" rotation="90" occluded="0"/>
        <polygon label="person" points="0,0;50,0;50,25"/><points label="person" points="1,1"/>
        <mask label="ant" rle="0,1,2,1" left="10" top="20" width="2" height="2"/></image></annotations>"""
    )
    found = read(tmp_path)
    assert (found.names, list(found.parts)) == (("person", "ant"), ["val"])
    (record,) = found.records
    np.testing.assert_allclose(
        record.boxes * [100, 50, 100, 50],
        [[10, 5, 20, 15], [45, 15, 55, 35], [0, 0, 50, 25], [10, 20, 12, 22]],
        atol=1e-4,
    )
    assert record.labels.tolist() == [1, 0, 0, 1]
    assert record.marks[0] == {"occluded"}
    assert not any(record.marks[1:])
    (tmp_path / "annotations.xml").write_text("<annotations><track/></annotations>")
    with pytest.raises(UserError, match="tracks of a video"):
        read(tmp_path)


def test_labelme(tmp_path: Path) -> None:
    for name in ("a", "empty"):
        draw(tmp_path / f"{name}.png")
    shapes = [
        {"label": "p", "shape_type": "rectangle", "points": [[20, 30], [10, 10]], "flags": {"difficult": True}},
        {"label": "p", "points": [[0, 0], [10, 0], [10, 10]], "group_id": 1},
        {"label": "p", "points": [[50, 40], [60, 40], [60, 50]], "group_id": 1},
        {"label": "c", "shape_type": "circle", "points": [[50, 25], [50, 35]]},
        {"label": "p", "shape_type": "point", "points": [[1, 1]]},
    ]
    (tmp_path / "a.json").write_text(json.dumps({"shapes": shapes, "imagePath": "..\\x\\a.png"}))
    found = read(tmp_path)
    record, empty = found.records
    assert (found.names, len(empty.boxes)) == (("c", "p"), 0)
    np.testing.assert_allclose(
        record.boxes * [100, 50, 100, 50], [[10, 10, 20, 30], [0, 0, 60, 50], [40, 15, 60, 35]], atol=1e-4
    )
    assert [len(outline) for outline in record.objects.masks or ()] == [0, 2, 0]
    assert record.marks[0] == {"difficult"}


def test_refhuman_entries_of_one_image_are_one(tmp_path: Path) -> None:
    write_world(tmp_path / "world", 2)
    entries = json.loads((tmp_path / "world/RefHuman_train.json").read_text())["images"]
    found = read(tmp_path / "world")
    assert guess_format(tmp_path / "world") == "refhuman"
    assert list(found.parts) == ["train"]
    assert len(found.records) == 2 < len(entries)
    texts = sorted(text for record in found.records for each in record.objects.texts or () for text in each)
    assert texts == sorted(entry["caption"] for entry in entries)
    done = convert(tmp_path / "world", tmp_path / "out", "coco")
    assert done.objects == sum(record.objects.count for record in found.records)


def test_classes_and_names(tmp_path: Path, yolo: Path, capsys) -> None:
    out = tmp_path / "out"
    assert main(["data", "convert", str(yolo), str(out), "--classes", "ant", "--names", "person", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["left out"] == {"zebra": 2}
    found = read(out)
    assert found.names == ("person",)
    assert len(found.records) == 4
    convert(yolo, tmp_path / "one", "voc", names=("animal", "animal"))
    assert read(tmp_path / "one").names == ("animal",)
    for wrong, told in (
        (["--classes", "anty"], "did you mean 'ant'"),
        (["--names", "a"], "1 names for 2 classes"),
        (["--classes", "7"], "no such class"),
    ):
        assert main(["data", "convert", str(yolo), str(tmp_path / "new"), *wrong]) == 2
        assert told in capsys.readouterr().err


def test_what_is_refused(tmp_path: Path, yolo: Path) -> None:
    for place in (yolo / "images/new", tmp_path):
        with pytest.raises(UserError, match="never written to"):
            convert(yolo, place, "coco")
    draw(tmp_path / "out/images/other.png")
    with pytest.raises(UserError, match="none of the images to write"):
        convert(yolo, tmp_path / "out", "coco")
    with pytest.raises(UserError, match="no such file or folder"):
        convert(tmp_path / "nowhere", tmp_path / "o", "coco")


def test_several_coco_files_have_one_order_of_classes(tmp_path: Path) -> None:
    for part, names in (("valid", ["b", "a"]), ("train", ["c", "b"])):
        draw(tmp_path / part / f"{part}.png")
        content = {
            "images": [{"id": 1, "file_name": f"{part}.png", "width": 640, "height": 640}],
            "annotations": [{"id": 1, "image_id": 1, "category_id": 2, "bbox": [0, 0, 320, 640]}],
            "categories": [{"id": i + 1, "name": name} for i, name in enumerate(names)],
        }
        (tmp_path / part / "_annotations.coco.json").write_text(json.dumps(content))
    out = tmp_path.parent / f"{tmp_path.name}-voc"
    done = convert(tmp_path, out, "voc")
    assert done.names == ("c", "b", "a")
    assert list(done.report.notes.values()) == [2]  # 640x640, it said
    found = read(out)
    assert {part: records[0].labels.tolist() for part, records in found.parts.items()} == {"train": [1], "val": [2]}
    assert found.records[0].boxes.tolist() == [[0, 0, 0.5, 1]]


def some_of(folder: Path, target: Path, count: int) -> Path:
    """Link every so many-th photograph of a YOLO folder with its labels."""
    photographs = sorted(folder.glob("*.jpg"))
    target.mkdir(parents=True)
    for path in photographs[:: len(photographs) // count]:
        (target / path.name).symlink_to(path)
        (target / path.with_suffix(".txt").name).symlink_to(path.with_suffix(".txt"))
    (target / "ignore.json").symlink_to(folder.parent / "ignore.json")
    return target


@pytest.mark.shared
@pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_photographs(people: Path, tmp_path: Path, whole: bool) -> None:
    """Labels that nobody here wrote: bit for bit, and to the pixel where VOC rounds; pytest -m slow takes all."""
    sources = [people, people.parent / "keypoints"] if whole else [some_of(people / "val", tmp_path / "val", 20)]
    for source in sources:
        places = [source, *(tmp_path / f"{source.name}.{i}" for i in range(4))]
        for i, to in enumerate(("yolo", "coco", "voc", "yolo")):
            convert(places[i], places[i + 1], to)
        start = read(source)
        assert facts(read(places[1])) == facts(read(places[2])) == facts(start)
        for before, after in zip(start.records, read(places[4]).records, strict=True):
            height, width = cv2.imread(str(before.image)).shape[:2]
            assert before.labels.tolist() == after.labels.tolist()
            worst = np.abs((before.objects.boxes - after.objects.boxes) * [width, height, width, height]).max(initial=0)
            assert worst <= 1.001  # less than a pixel high or wide becomes one

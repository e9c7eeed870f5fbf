from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from uhd.data.formats.coco import read_coco
from uhd.data.problems import BAD_LABEL, DANGLING, MISSING_IMAGE, Report
from uhd.errors import UserError


def write(path: Path, **changes: object) -> Path:
    content = {
        "categories": [{"id": 18, "name": "dog"}, {"id": 1, "name": "person"}],
        "images": [
            {"id": 5, "file_name": "b.jpg", "width": 100, "height": 50},
            {"id": 6, "file_name": "a.jpg", "width": 100, "height": 50},
            {"id": 7, "file_name": "lost.jpg", "width": 100, "height": 50},
        ],
        "annotations": [
            {"id": 1, "image_id": 5, "category_id": 1, "bbox": [10, 10, 20, 30]},
            {"id": 2, "image_id": 5, "category_id": 18, "bbox": [0, 0, 5, 5]},
            {"id": 3, "image_id": 5, "category_id": 1, "bbox": [50, 0, 100, 50], "iscrowd": 1},
            {"id": 4, "image_id": 5, "category_id": 1, "bbox": [10, 10, -2, 5]},
        ],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content | changes))
    return path


@pytest.mark.parametrize("place", ["annotations/instances_train2017.json", "instances.json"])
def test_boxes_crowds_and_places(tmp_path: Path, place: str) -> None:
    path = write(tmp_path / place)
    folder = tmp_path / ("train2017" if "/" in place else "images")
    folder.mkdir()
    for name in ("a.jpg", "b.jpg"):
        (folder / name).touch()
    report = Report()
    records, names = read_coco(path, (0,), report)
    assert names == ("person", "dog")
    assert [record.image.name for record in records] == ["a.jpg", "b.jpg"]
    assert len(records[0].boxes) == 0
    np.testing.assert_allclose(records[1].boxes, [[0.1, 0.2, 0.3, 0.8]], atol=1e-6)
    np.testing.assert_allclose(records[1].ignore, [[0.5, 0, 1, 1]], atol=1e-6)
    assert report.counts == {BAD_LABEL: 1, MISSING_IMAGE: 1}
    dogs, _ = read_coco(path, (1, 0), Report())
    assert dogs[1].labels.tolist() == [1, 0]


def test_not_coco(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(UserError, match="no COCO"):
        read_coco(tmp_path / "x.json", (0,), Report())
    with pytest.raises(UserError, match="none of its 3 images"):
        read_coco(write(tmp_path / "y.json"), (0,), Report())


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("keypoints", [10, 20, 2, 30], "annotation 1: keypoints [10, 20, 2, 30] are not"),
        ("keypoints", ["x", 20, 2], "annotation 1: keypoints ['x', 20, 2] are not"),
        ("keypoints", [float("nan"), 20, 2], "annotation 1: keypoints [nan, 20, 2] are not"),
        ("segmentation", [[1, 2, 3, 4, 5, "six"]], "annotation 1: segmentation [1, 2, 3, 4, 5, 'six'] is not"),
        ("segmentation", [[1, 2, 3, 4, 5]], "annotation 1: segmentation [1, 2, 3, 4, 5] is not"),
        ("segmentation", {"size": [4, 4], "counts": [1, 90]}, "annotation 1: segmentation is not a mask"),
        ("segmentation", [[1, 2, 3, 4]], ""),  # a ring without area, as COCO's own files have some
        ("segmentation", [], ""),
        ("keypoints", None, ""),
    ],
)
def test_malformed_keypoints_and_masks_are_named_and_left_out(
    field: str, value: object, told: str, tmp_path: Path
) -> None:
    entry = {"id": 1, "image_id": 6, "category_id": 1, "bbox": [10, 20, 30, 20], field: value}
    path = write(tmp_path / "a.json", annotations=[entry])
    (tmp_path / "a.jpg").touch()
    report = Report()
    (record,) = read_coco(path, (0,), report)[0]
    assert len(record.boxes) == 1
    assert record.objects.keypoints is None
    assert record.objects.masks is None
    assert report.counts.get(BAD_LABEL, 0) == bool(told)
    assert told in " ".join(report.lines(examples=9))


def test_an_annotation_given_twice_counts_once(tmp_path: Path) -> None:
    given = {"image_id": 5, "category_id": 1, "bbox": [10, 10, 20, 30], "area": 600}
    others = [{"bbox": [10, 10, 20, 31]}, {"iscrowd": 1}, {"category_id": 18}]
    every = [given, given, *(given | other for other in others)]
    path = write(tmp_path / "a.json", annotations=[each | {"id": i} for i, each in enumerate(every)])
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).touch()
    report = Report()
    records, _ = read_coco(path, (1, 0), report)
    assert (len(records[1].boxes), len(records[1].ignore)) == (3, 1)
    assert report.examples[BAD_LABEL] == [f"{path}: annotation 1: repeats an earlier one"]


def test_images_of_one_id_are_named_and_get_no_boxes_of_others(tmp_path: Path) -> None:
    for name in "abcd":
        (tmp_path / f"{name}.jpg").touch()
    sizes = {"width": 100, "height": 50}
    images = [{"id": 6, "file_name": f"{name}.jpg", **sizes} for name in "abcd"]
    images += [{"id": 5, "file_name": "e.jpg", **sizes}] * 2
    (tmp_path / "e.jpg").touch()
    report = Report()
    records, _ = read_coco(write(tmp_path / "x.json", images=images), (0,), report)
    assert [(record.image.name, len(record.boxes)) for record in records] == [("e.jpg", 1)]
    told = " ".join(report.examples[DANGLING])
    assert "image id 6 is given to 4 images: a.jpg, b.jpg, c.jpg ..." in told
    assert "image 5, e.jpg, is there twice" in told
    with pytest.raises(UserError, match=r"given to 4 images: .*: give each image an id of its own"):
        read_coco(write(tmp_path / "x.json", images=images[:4]), (0,), Report())

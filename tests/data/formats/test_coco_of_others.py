"""COCO files as other programs write them: ids of any kind, entries that are none, outlines without boxes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from uhd.data.config import DataConfig
from uhd.data.formats.coco import read_coco
from uhd.data.open import open_data
from uhd.data.problems import DANGLING, Report
from uhd.data.read_set import read_set
from uhd.errors import UserError


def content(**annotation: Any) -> dict[str, Any]:
    return {
        "categories": [{"id": 1, "name": "person"}],
        "images": [{"id": 7, "file_name": "a.png", "width": 100, "height": 50}],
        "annotations": [{"id": 1, "image_id": 7, "category_id": 1, "bbox": [10, 10, 20, 30]} | annotation],
    }


def boxes(folder: Path, table: object, encoding: str = "utf-8") -> tuple[list[list[float]], Report]:
    (folder / "a.png").touch()
    (folder / "labels.json").write_text(json.dumps(table), encoding=encoding)
    report = Report()
    records, _ = read_coco(folder / "labels.json", (0,), report)
    return [box for record in records for box in record.boxes.tolist()], report


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("ids", [{"image_id": "7"}, {"category_id": "1"}, {"image_id": 7.0, "category_id": 1.0}])
def test_ids_of_any_kind_meet(tmp_path: Path, ids: dict[str, Any], encoding: str) -> None:
    found, report = boxes(tmp_path, content(**ids), encoding)
    assert (len(found), report.total) == (1, 0)
    assert len(read_set(tmp_path, "auto", report).records) == 1


@pytest.mark.parametrize("ids", [{"image_id": [7]}, {"category_id": {"a": 1}}, {"image_id": None}])
def test_ids_that_are_none(tmp_path: Path, ids: dict[str, Any]) -> None:
    found, report = boxes(tmp_path, content(**ids))
    assert found == []
    assert report.counts[DANGLING] == 1


def test_a_box_over_the_edge_is_clipped_and_one_beyond_it_named(tmp_path: Path) -> None:
    found, report = boxes(tmp_path, content(bbox=[-10, 40, 60, 30]))
    np.testing.assert_allclose(found, [[0, 0.8, 0.5, 1]], atol=1e-6)
    assert report.total == 0
    found, report = boxes(tmp_path, content(bbox=[100, 10, 20, 30]))
    assert (found, report.total) == ([], 1)


def test_entries_that_are_no_objects_are_counted(tmp_path: Path) -> None:
    table = content()
    table["annotations"] += [None, "x"]
    found, report = boxes(tmp_path, table)
    assert (len(found), report.counts[DANGLING]) == (1, 2)


@pytest.mark.parametrize("segmentation", [[[10, 10, 30, 10, 30, 40, 10, 40]], [10, 10, 30, 10, 30, 40, 10, 40]])
def test_an_outline_without_a_box(tmp_path: Path, segmentation: list[Any]) -> None:
    found, _ = boxes(tmp_path, content(bbox=None, segmentation=segmentation))
    np.testing.assert_allclose(found, [[0.1, 0.2, 0.3, 0.8]], atol=1e-6)


@pytest.mark.parametrize(
    "extra", [{"segmentation": [["x"] * 6]}, {"segmentation": [[[1], 2, 3, 4, 5, 6]]}, {"keypoints": [1, "y", 2]}]
)
def test_shapes_that_are_no_numbers_leave_the_box(tmp_path: Path, extra: dict[str, Any]) -> None:
    found, report = boxes(tmp_path, content(**extra))
    assert (len(found), report.total) == (1, 1)


@pytest.mark.parametrize("name", [{"coco_url": "http://images.org/val2017/a.png"}, {"file_name": "/upload/%61.png"}])
def test_names_as_addresses(tmp_path: Path, name: dict[str, str]) -> None:
    table = content()
    table["images"][0] = {"id": 7, "width": 100, "height": 50} | name
    assert len(boxes(tmp_path, table)[0]) == 1


def test_a_category_without_an_id_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no id"):
        boxes(tmp_path, content() | {"categories": [{"name": "person"}]})


@pytest.mark.parametrize("roboflow", [True, False])
def test_a_folder_as_coco_and_roboflow_lay_it_out(tmp_path: Path, roboflow: bool) -> None:
    for part in ("train", "valid") if roboflow else ("train2017", "val2017"):
        folder = tmp_path / part
        folder.mkdir()
        path = folder / "_annotations.coco.json" if roboflow else tmp_path / f"annotations/instances_{part}.json"
        path.parent.mkdir(exist_ok=True)
        boxes(folder, content())
        (folder / "labels.json").rename(path)
    opened = open_data(DataConfig(image_dir=tmp_path, classes=("person",)))
    assert (len(opened.train), len(opened.val), opened.names) == (1, 1, ("person",))


def test_other_formats_are_named_where_no_label_file_is(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    (tmp_path / "a.xml").write_text("<annotation/>")
    with pytest.raises(UserError, match=r"a\.xml is another format: uhd data convert"):
        open_data(DataConfig(image_dir=tmp_path))

"""LabelMe's files as it and its followers write them: masks, turned boxes, files without picture data, its old XML."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import cv2
import numpy as np

from uhd.data.problems import Report
from uhd.data.read_set import read_set
from uhd.data.records import Record
from uhd.outlines import fill_outline


def only_record(folder: Path) -> Record:
    report = Report()
    (record,) = read_set(folder, "auto", report).records
    assert report.total == 0, report.lines()
    return record


def test_masks_and_turned_boxes(tmp_path: Path) -> None:
    assert cv2.imwrite(str(tmp_path / "a.png"), np.full((50, 100, 3), 90, np.uint8))
    mask = np.array([[0, 1, 1], [1, 1, 0]], np.uint8)
    png = base64.b64encode(cv2.imencode(".png", mask * 255)[1].tobytes()).decode()
    turned = [[40, 10], [50, 20], [40, 30], [30, 20]]
    shapes = [
        {
            "label": "p",
            "shape_type": "mask",
            "points": [[10, 20], [12, 21]],
            "mask": png,
            "group_id": None,
            "flags": {},
        },
        {"label": "p", "shape_type": "oriented_rectangle", "points": turned, "mask": None, "description": ""},
        {"label": "p", "shape_type": "mask", "points": [[60, 20], [62, 21]], "mask": "no mask"},
    ]
    (tmp_path / "a.json").write_text(
        json.dumps({"version": "5.5.0", "flags": {}, "shapes": shapes, "imagePath": "..\\photos\\a.png",
                    "imageData": None, "imageHeight": 50, "imageWidth": 100})
    )  # fmt: skip
    record = only_record(tmp_path)
    boxes = np.round(record.boxes * [100, 50, 100, 50], 3).tolist()
    assert boxes == [[10, 20, 13, 22], [30, 10, 50, 30], [60, 20, 63, 22]]
    assert record.objects.masks is not None
    assert [len(rings) for rings in record.objects.masks] == [1, 1, 0]
    filled = fill_outline(record.objects.masks[0], (50, 100))
    np.testing.assert_array_equal(filled[20:22, 10:13], mask)
    assert filled.sum() == mask.sum()


def test_the_xml_of_its_web_page_has_outlines_alone(tmp_path: Path) -> None:
    assert cv2.imwrite(str(tmp_path / "a.png"), np.full((50, 100, 3), 90, np.uint8))
    points = "".join(f"<pt><x>{x}</x><y>{y}</y></pt>" for x, y in ((0, 5), (10, 5), (10, 25)))
    entry = "<object><name>p</name><deleted>{}</deleted><polygon><username/>{}</polygon></object>"
    body = entry.format(0, points) + entry.format(1, points)
    (tmp_path / "a.xml").write_text(f"<annotation><filename>a.png</filename>{body}</annotation>")
    assert np.round(only_record(tmp_path).boxes * [100, 50, 100, 50], 3).tolist() == [[0, 5, 10, 25]]

"""Boxes of pictures that EXIF turns, given for the stored picture or for the shown one."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from uhd.data.formats.coco import TURNED, UNCLEAR_TURN, read_coco
from uhd.data.problems import Report
from uhd.read import read_image

# A white bar in the upper left of a picture of 60x80 as stored: left, top, width, height.
BAR = (8, 4, 30, 10)


def draw(path: Path, orientation: int, size: tuple[int, int] = (60, 80)) -> None:
    image = np.zeros((*size, 3), np.uint8)
    x, y, w, h = BAR
    image[y : y + h, x : x + w] = 255
    plain = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 98])[1].tobytes()
    entry = struct.pack("<HHIHH", 0x112, 3, 1, orientation, 0)
    exif = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", 1) + entry + b"\0\0\0\0"
    path.write_bytes(plain[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + plain[2:])


def read(folder: Path, width: int, height: int, bbox: Any) -> tuple[Any, Report]:
    x, y, w, h = bbox
    ring, point = [x, y, x + w, y, x + w, y + h, x, y + h], [x, y, 2]
    annotation = {"id": 1, "image_id": 1, "category_id": 1, "bbox": bbox, "segmentation": [ring], "keypoints": point}
    content = {
        "categories": [{"id": 1, "name": "person"}],
        "images": [{"id": 1, "file_name": "a.jpg", "width": width, "height": height}],
        "annotations": [annotation],
    }
    (folder / "a.json").write_text(json.dumps(content))
    report = Report()
    return read_coco(folder / "a.json", (0,), report)[0][0], report


def shown_bounds(path: Path) -> list[float]:
    image = read_image(path)[..., 0] > 127
    rows, columns = np.flatnonzero(image.any(1)), np.flatnonzero(image.any(0))
    h, w = image.shape
    return [columns[0] / w, rows[0] / h, (columns[-1] + 1) / w, (rows[-1] + 1) / h]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_boxes_lie_on_what_is_shown(tmp_path: Path, orientation: int) -> None:
    draw(tmp_path / "a.jpg", orientation)
    shown = shown_bounds(tmp_path / "a.jpg")
    if orientation > 4:  # given for the stored picture
        record, report = read(tmp_path, 80, 60, BAR)
        np.testing.assert_allclose(record.boxes[0], shown, atol=0.03)
        rings = np.concatenate(record.objects.masks[0])
        np.testing.assert_allclose([*rings.min(0), *rings.max(0)], record.boxes[0], atol=1e-6)
        assert np.isclose(record.objects.keypoints[0, 0, :2], record.boxes[0].reshape(2, 2)).any(0).all()
        assert report.notes == {TURNED: 1}
        assert not report.total
        assert record.size == (80, 60)
    # Given for the shown picture: nothing is turned.
    h, w = read_image(tmp_path / "a.jpg").shape[:2]
    x0, y0, x1, y1 = (a * b for a, b in zip(shown, (w, h, w, h), strict=True))
    record, report = read(tmp_path, w, h, (x0, y0, x1 - x0, y1 - y0))
    np.testing.assert_allclose(record.boxes[0], shown, atol=1e-6)
    assert not report.notes


def test_what_cannot_be_known_is_named(tmp_path: Path) -> None:
    draw(tmp_path / "a.jpg", 6, (60, 60))
    record, report = read(tmp_path, 60, 60, BAR)
    assert report.counts == {UNCLEAR_TURN: 1}
    assert "a.jpg: stored 60x60 and turned by EXIF" in report.examples[UNCLEAR_TURN][0]
    np.testing.assert_allclose(record.boxes[0], [8 / 60, 4 / 60, 38 / 60, 14 / 60], atol=1e-6)

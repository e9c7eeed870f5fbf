"""What ``uhd predict`` found, as JSON lines, CSV rows and YOLO label files."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from uhd.cli.output import JSON, claim
from uhd.detections import Detections

CSV_COLUMNS = ("image", "track_id", "class_id", "class_name", "score", "left", "top", "right", "bottom")


class Results:
    """Writes the detections of image after image; every line is on disk when its image is done.

    Args:
        json: file of one JSON object per image, or None.
        table: CSV file of one row per detection, or None.
        labels: folder of YOLO label files, one per image, or None.
        inputs: files that are read, which no result may replace.
    """

    def __init__(self, json: Path | None, table: Path | None, labels: Path | None, inputs: Sequence[Path]) -> None:
        self._json: TextIO | None = None
        self._table: TextIO | None = None
        self._labels = labels
        if json is not None:
            self._json = claim(json, JSON, inputs).open("w", encoding="utf-8")
        if table is not None:
            self._table = claim(table, (".csv",), inputs).open("w", encoding="utf-8", newline="")
            csv.writer(self._table).writerow(CSV_COLUMNS)

    def write(self, found: Detections, image: str, label_name: str, **extra: Any) -> None:
        """Write what one image shows.

        Args:
            found: its detections.
            image: its name.
            label_name: file name whose suffix becomes ``.txt``.
            extra: further fields of the JSON object, such as counts.
        """
        if self._json is not None:
            self._json.write(found.to_json(image=image, **extra) + "\n")
            self._json.flush()
        if self._table is not None:
            rows = csv.writer(self._table)
            for each in found:
                facts = [each.get("track_id", ""), each["class_id"], each["class_name"], each["score"]]
                rows.writerow([image, *facts, *each["xyxy"]])
            self._table.flush()
        if self._labels is not None:
            self._labels.mkdir(parents=True, exist_ok=True)
            (self._labels / label_name).with_suffix(".txt").write_text(_yolo(found), encoding="utf-8")

    def __enter__(self) -> Results:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in (self._json, self._table):
            if file is not None:
                file.close()


def _yolo(found: Detections) -> str:
    height, width = found.image_size
    rows = []
    for box, class_id, score in zip(found.xyxy, found.class_ids, found.scores, strict=True):
        left, top, right, bottom = box / (width, height, width, height)
        centre = f"{(left + right) / 2:.6f} {(top + bottom) / 2:.6f} {right - left:.6f} {bottom - top:.6f}"
        rows.append(f"{class_id} {centre} {score:.5f}\n")
    return "".join(rows)

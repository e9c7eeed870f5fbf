"""COCO annotation files: ``images``, ``annotations`` with ``bbox`` in pixels, ``categories``."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from uhd.boxes import clip_xyxy
from uhd.data.formats.yolo import ClassMap
from uhd.data.problems import BAD_LABEL, MISSING_IMAGE, Report
from uhd.data.records import Record
from uhd.errors import UserError
from uhd.objects import Objects


def read_coco(path: Path, classes: tuple[int, ...], report: Report) -> tuple[list[Record], tuple[str, ...]]:
    """Read a COCO annotation file.

    A class number is the position of the category when sorted by ``id`` (so 0 is ``person`` in COCO). Crowd regions
    (``iscrowd``) of wanted classes become ignore regions.

    Args:
        path: the .json file; images are looked for beside it, in ``images/``, and one folder above, also in a folder
            named like the part of the file's name behind the last ``_``.
        classes: wanted class numbers.
        report: receives bad boxes and missing images.

    Returns:
        Records sorted by path, and the names of all categories by class number.

    Raises:
        UserError: not a COCO annotation file.
    """
    content = _read(path)
    categories = sorted(content["categories"], key=lambda category: category["id"])
    number = {category["id"]: position for position, category in enumerate(categories)}
    wanted = ClassMap.of(classes).wanted
    by_image: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for annotation in content["annotations"]:
        if number.get(annotation.get("category_id")) in wanted:
            by_image[annotation.get("image_id")].append(annotation)
    records = []
    for entry in content["images"]:
        image = _find(path, str(entry.get("file_name", "")))
        if image is None:
            report.problem(MISSING_IMAGE, f"{path}: {entry.get('file_name')}: there is no such file")
            continue
        boxes: list[list[float]] = []
        labels: list[int] = []
        crowds: list[list[float]] = []
        for annotation in by_image.get(entry.get("id"), ()):
            box = _normalised(annotation.get("bbox"), entry)
            if box is None:
                where = f"{path}: annotation {annotation.get('id')}"
                report.problem(BAD_LABEL, f"{where}: bbox {annotation.get('bbox')} is not a box in the image")
            elif annotation.get("iscrowd"):
                crowds.append(box)
            else:
                boxes.append(box)
                labels.append(wanted[number[annotation["category_id"]]])
        records.append(
            Record(
                image,
                Objects.of(
                    clip_xyxy(np.array(boxes, np.float32).reshape(-1, 4)),
                    np.array(labels, np.int64),
                    clip_xyxy(np.array(crowds, np.float32).reshape(-1, 4)),
                ),
            )
        )
    if not records:
        raise UserError(f"{path}: none of its {len(content['images'])} images was found near {path.parent}")
    return sorted(records, key=lambda record: str(record.image)), tuple(str(c.get("name", "")) for c in categories)


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read as JSON ({error})") from None
    parts = ("images", "annotations", "categories")
    if not isinstance(content, dict) or not all(isinstance(content.get(part), list) for part in parts):
        raise UserError(f"{path}: is no COCO annotation file: needs lists {', '.join(parts)}")
    return content


def _find(path: Path, name: str) -> Path | None:
    folder, split = path.parent, path.stem.rpartition("_")[2]
    places = (folder, folder / "images", folder.parent, folder.parent / "images", folder.parent / split)
    return next((place / name for place in places if name and (place / name).is_file()), None)


def _normalised(bbox: Any, image: dict[str, Any]) -> list[float] | None:
    """Return ``xyxy`` normalised, or None when the box is malformed or outside the image."""
    try:
        left, top, width, height = (float(value) for value in bbox)
        image_width, image_height = float(image["width"]), float(image["height"])
    except (KeyError, TypeError, ValueError):
        return None
    if not all(map(math.isfinite, (left, top, width, height))) or min(width, height, image_width, image_height) <= 0:
        return None
    box = [left / image_width, top / image_height, (left + width) / image_width, (top + height) / image_height]
    return box if box[0] < 1 and box[1] < 1 and box[2] > 0 and box[3] > 0 else None

"""COCO annotation files: ``images``, ``annotations`` with ``bbox`` in pixels, ``categories``."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from uhd.boxes import clip_xyxy
from uhd.data.formats.yolo import ClassMap
from uhd.data.problems import BAD_LABEL, MISSING_IMAGE, Report
from uhd.data.records import Record
from uhd.data.turned import quarter_of, turn_objects
from uhd.errors import UserError
from uhd.objects import Objects, Outline

UNCLEAR_TURN = "picture turned by EXIF whose labels may be of the stored one"
TURNED = "picture whose labels were turned with it, as EXIF says"
_PLACES_SHOWN = 40  # characters of a bad value in a message


def read_coco(path: Path, classes: tuple[int, ...] | ClassMap, report: Report) -> tuple[list[Record], tuple[str, ...]]:
    """Read a COCO annotation file.

    A class number is the position of the category when sorted by ``id`` (so 0 is ``person`` in COCO); the category that
    Roboflow puts in front as the parent of all others is none. Crowd regions (``iscrowd``) of wanted classes become
    ignore regions. Polygons and keypoints come along.

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
    categories = _categories(content)
    number = {category["id"]: position for position, category in enumerate(categories)}
    names = tuple(str(category.get("name", "")) for category in categories)
    chosen = classes if isinstance(classes, ClassMap) else ClassMap.of(classes)
    by_image: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for annotation in content["annotations"]:
        raw = number.get(annotation.get("category_id"))
        if raw in chosen.wanted:
            by_image[annotation.get("image_id")].append(annotation)
        elif raw is not None:
            chosen.passed_over[raw] += 1
    records = []
    for entry in content["images"]:
        image = _find(path, str(entry.get("file_name", "")))
        if image is None:
            report.problem(MISSING_IMAGE, f"{path}: {entry.get('file_name')}: there is no such file")
            continue
        labels = {category: chosen.wanted.get(raw, -1) for category, raw in number.items()}
        objects = _objects(by_image.get(entry.get("id"), ()), entry, labels, path, report)
        records.append(_as_shown(Record(image, objects, _size(entry)), report))
    if not records:
        raise UserError(f"{path}: none of its {len(content['images'])} images was found near {path.parent}")
    return sorted(records, key=lambda record: str(record.image)), names


def category_names(path: Path) -> tuple[str, ...]:
    """Return the names of the categories of an annotation file by class number.

    Raises:
        UserError: not a COCO annotation file.
    """
    return tuple(str(category.get("name", "")) for category in _categories(_read(path)))


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read as JSON ({error})") from None
    parts = ("images", "annotations", "categories")
    if not isinstance(content, dict) or not all(isinstance(content.get(part), list) for part in parts):
        raise UserError(f"{path}: is no COCO annotation file: needs lists {', '.join(parts)}")
    return content


def _categories(content: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the categories sorted by id, without a first one that is only the parent of all others."""
    found: list[dict[str, Any]] = sorted(content["categories"], key=lambda category: category["id"])
    if len(found) > 1 and str(found[0].get("supercategory")) in ("none", "None", ""):
        parents = {category.get("supercategory") for category in found[1:]}
        if parents == {found[0].get("name")}:
            return found[1:]
    return found


def _find(path: Path, name: str) -> Path | None:
    folder, split = path.parent, path.stem.rpartition("_")[2]
    places = (folder, folder / "images", folder.parent, folder.parent / "images", folder.parent / split,
              folder.parent / "images" / split)  # fmt: skip
    # Windows writes images\a.jpg; some exporters write folders of the machine that the file was made on.
    upright = name.replace("\\", "/")
    for each in dict.fromkeys((name, upright, upright.rpartition("/")[2])):
        found = next((place / each for place in places if each and (place / each).is_file()), None)
        if found is not None:
            return found
    return None


def _size(entry: dict[str, Any]) -> tuple[int, int] | None:
    try:
        return int(entry["height"]), int(entry["width"])
    except (KeyError, TypeError, ValueError):
        return None


def _as_shown(record: Record, report: Report) -> Record:
    """Return a record in the frame in which its picture is shown: some programs label it as it is stored.

    The size that stands beside the boxes tells which picture is meant; where it does not, the shown one is taken.
    """
    quarter = quarter_of(record.image) if len(record.objects) else None
    if quarter is None:
        return record
    orientation, stored = quarter
    if stored[0] == stored[1] or record.size not in (stored, stored[::-1]):
        size = "no size" if record.size is None else "size {}x{}".format(*record.size)
        where = f"{record.image}: stored {stored[0]}x{stored[1]} and turned by EXIF, its labels are for {size}"
        report.problem(UNCLEAR_TURN, f"{where}: taken as labels of the turned picture")
        return record
    if record.size != stored:
        return record
    report.note(TURNED, case=str(record.image))
    return Record(record.image, turn_objects(record.objects, orientation), stored[::-1])


def _objects(
    annotations: Sequence[dict[str, Any]], entry: dict[str, Any], labels: dict[Any, int], path: Path, report: Report
) -> Objects:
    """Return what the annotations of one image say."""
    boxes: list[list[float]] = []
    kept: list[dict[str, Any]] = []
    for annotation in annotations:
        box = _normalised(annotation.get("bbox"), entry)
        if box is None:
            shown = str(annotation.get("bbox"))[:_PLACES_SHOWN]
            where = f"{path}: annotation {annotation.get('id')}"
            report.problem(BAD_LABEL, f"{where}: bbox {shown} is not a box in the image")
        else:
            boxes.append(box)
            kept.append(annotation)
    if not kept:
        return Objects.empty()
    scale = np.array([float(entry["width"]), float(entry["height"])])
    masks = tuple(_outline(annotation.get("segmentation"), scale) for annotation in kept)
    points = [_keypoints(annotation.get("keypoints"), scale) for annotation in kept]
    known = next((each for each in points if each is not None), None)
    keypoints = None
    if known is not None:
        keypoints = np.stack([np.zeros_like(known) if p is None or len(p) != len(known) else p for p in points])
    return Objects(
        clip_xyxy(np.array(boxes, np.float32).reshape(-1, 4)),
        np.array([labels[annotation["category_id"]] for annotation in kept], np.int64),
        np.array([bool(annotation.get("iscrowd")) for annotation in kept], bool),
        keypoints,
        masks if any(masks) else None,
    )


def _outline(segmentation: Any, scale: NDArray[np.float64]) -> Outline:
    """Return the rings of a polygon, normalised; () for a run-length mask or none."""
    if not isinstance(segmentation, list):
        return ()
    rings = []
    for ring in segmentation:
        if isinstance(ring, list) and len(ring) >= 6 and len(ring) % 2 == 0:
            rings.append(np.clip(np.array(ring, np.float64).reshape(-1, 2) / scale, 0, 1).astype(np.float32))
    return tuple(rings)


def _keypoints(values: Any, scale: NDArray[np.float64]) -> NDArray[np.float32] | None:
    """Return (K, 3) normalised keypoints, or None."""
    if not isinstance(values, list) or not values or len(values) % 3:
        return None
    points = np.array(values, np.float64).reshape(-1, 3)
    points[:, :2] /= scale
    return points.astype(np.float32)


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

"""COCO annotation files: ``images``, ``annotations`` with ``bbox`` in pixels, ``categories``."""

from __future__ import annotations

import math
import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray

from uhd.data.formats.coco_content import read_content
from uhd.data.formats.rows import Row, record_of
from uhd.data.formats.run_length import outline_of_runs
from uhd.data.formats.yolo import ClassMap
from uhd.data.image_size import shown_size
from uhd.data.problems import BAD_LABEL, DANGLING, MISSING_IMAGE, Report
from uhd.data.records import MARKS, Record
from uhd.data.turned import TURNED as TURNED
from uhd.data.turned import UNCLEAR_TURN as UNCLEAR_TURN
from uhd.data.turned import as_shown
from uhd.errors import UserError
from uhd.objects import Outline
from uhd.read import UnreadableImage

_NAMES_SHOWN = 3
_PLACES_SHOWN = 40  # characters of a bad value in a message


def read_coco(
    path: Path, classes: tuple[int, ...] | ClassMap, report: Report, describe: bool = False
) -> tuple[list[Record], tuple[str, ...]]:
    """Read a COCO annotation file.

    A class number is the position of the category when sorted by ``id`` (so 0 is ``person`` in COCO); the category that
    Roboflow puts in front as the parent of all others is none. Crowd regions (``iscrowd``) of wanted classes become
    ignore regions. Polygons and keypoints come along.

    Args:
        path: the .json file; images are looked for beside it, in ``images/``, and one folder above, also in a folder
            named like the part of the file's name behind the last ``_``.
        classes: wanted class numbers.
        report: receives bad boxes and missing images.
        describe: keep an image's ``caption`` as a text of its objects.

    Returns:
        Records sorted by path, and the names of all categories by class number.

    Raises:
        UserError: not a COCO annotation file.
    """
    content = read_content(path, report)
    categories = categories_of(content)
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
    _name_dangling(content, number, path, report)
    records = []
    for entry in _images_of_own_id(content, path, report):
        name = name_of(entry)
        image = find_image(path, name)
        if image is None:
            report.problem(MISSING_IMAGE, f"{path}: {name or entry}: there is no such file")
            continue
        if _size(entry) is None:
            entry = entry | _size_of_file(image)
        labels = {category: chosen.wanted.get(raw, -1) for category, raw in number.items()}
        rows = _rows(by_image.get(entry.get("id"), ()), entry, labels, path, report)
        if describe and entry.get("caption"):
            rows = [replace(row, texts=(str(entry["caption"]),)) for row in rows]
        records.append(as_shown(record_of(image, rows, _size(entry)), report))
    if not records:
        raise UserError(f"{path}: none of its {len(content['images'])} images was found near {path.parent}")
    return sorted(records, key=lambda record: str(record.image)), names


def category_names(path: Path) -> tuple[str, ...]:
    """Return the names of the categories of an annotation file by class number.

    Raises:
        UserError: not a COCO annotation file.
    """
    return tuple(str(category.get("name", "")) for category in categories_of(read_content(path)))


def categories_of(content: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the categories, without a first one that is only the parent of all others."""
    found: list[dict[str, Any]] = content["categories"]
    if len(found) > 1 and str(found[0].get("supercategory")) in ("none", "None", ""):
        parents = {category.get("supercategory") for category in found[1:]}
        if parents == {found[0].get("name")}:
            return found[1:]
    return found


def name_of(entry: dict[str, Any]) -> str:
    """Return the file that an entry of ``images`` names."""
    return str(entry.get("file_name") or str(entry.get("coco_url", "")).rpartition("/")[2])


def find_image(path: Path, name: str) -> Path | None:
    """Return the image that an annotation file names, looked for in the places named at :func:`read_coco`."""
    folder, split = path.parent, path.stem.rpartition("_")[2]
    places = (folder, folder / "images", folder.parent, folder.parent / "images", folder.parent / split,
              folder.parent / "images" / split)  # fmt: skip
    # Windows writes images\a.jpg; some exporters write folders of the machine that the file was made on.
    upright = name.replace("\\", "/")
    for each in dict.fromkeys((name, upright, upright.rpartition("/")[2], unquote(upright.rpartition("/")[2]))):
        found = next((place / each for place in places if each and os.path.isfile(place / each)), None)  # noqa: PTH113
        if found is not None:
            return found
    return None


def _name_dangling(content: dict[str, Any], number: dict[Any, int], path: Path, report: Report) -> None:
    """Report annotations of images and categories that the file does not hold."""
    images = {entry.get("id") for entry in content["images"]}
    for annotation in content["annotations"]:
        where = f"{path}: annotation {annotation.get('id')}"
        if annotation.get("image_id") not in images:
            report.problem(DANGLING, f"{where}: there is no image {annotation.get('image_id')}")
        elif annotation.get("category_id") not in number:
            report.problem(DANGLING, f"{where}: there is no category {annotation.get('category_id')}")


def _images_of_own_id(content: dict[str, Any], path: Path, report: Report) -> list[dict[str, Any]]:
    """Return the images, without those that share an id: whose their boxes are is not known; one named twice is one.

    Raises:
        UserError: all share theirs with others.
    """
    by_id: dict[Any, dict[str, dict[str, Any]]] = defaultdict(dict)
    for entry in content["images"]:
        if by_id[entry.get("id")].setdefault(name_of(entry), entry) is not entry:
            report.problem(DANGLING, f"{path}: image {entry.get('id')}, {name_of(entry)}, is there twice")
    told = ""
    for identity, images in by_id.items():
        if len(images) > 1:
            names = ", ".join(list(images)[:_NAMES_SHOWN]) + (" ..." if len(images) > _NAMES_SHOWN else "")
            told = f"{path}: image id {identity} is given to {len(images)} images: {names}"
            report.problem(DANGLING, f"{told}: they are left out, since whose a box is is not known")
    own = [entry for images in by_id.values() for entry in images.values() if len(images) == 1]
    if told and not own:
        raise UserError(f"{told}: give each image an id of its own")
    return own


def _size_of_file(image: Path) -> dict[str, int]:
    try:
        height, width = shown_size(image)
    except UnreadableImage:  # whoever reads its pixels says so
        return {}
    return {"height": height, "width": width}


def _size(entry: dict[str, Any]) -> tuple[int, int] | None:
    try:
        height, width = int(entry["height"]), int(entry["width"])
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    return (height, width) if min(height, width) > 0 else None


def _rows(
    annotations: Sequence[dict[str, Any]], entry: dict[str, Any], labels: dict[Any, int], path: Path, report: Report
) -> list[Row]:
    """Return what the annotations of one image say."""
    rows: list[Row] = []
    seen: dict[tuple[float, ...], dict[str, Any]] = {}
    for annotation in annotations:
        size = _size(entry)
        scale = np.array([1.0, 1.0] if size is None else [float(size[1]), float(size[0])])
        where = f"{path}: annotation {annotation.get('id')}"
        outline = _outline(annotation.get("segmentation"), scale, where, report)
        box = _normalised(annotation.get("bbox") or _bounds(outline, scale), entry)
        if box is None:
            shown = str(annotation.get("bbox"))[:_PLACES_SHOWN]
            report.problem(BAD_LABEL, f"{where}: bbox {shown} is not a box in the image")
            continue
        twin = seen.setdefault(box, annotation)
        if twin is not annotation and twin | {"id": None} == annotation | {"id": None}:
            report.problem(BAD_LABEL, f"{where}: repeats an earlier one")
            continue
        rows.append(
            Row(
                -1 if annotation.get("ignore") else labels[annotation["category_id"]],
                box,
                bool(annotation.get("iscrowd") or annotation.get("ignore")),
                frozenset(mark for mark in MARKS if annotation.get(mark)),
                outline,
                _keypoints(annotation.get("keypoints"), scale, where, report),
                tuple(map(str, annotation.get("texts") or ())),
            )
        )
    return rows


def _outline(segmentation: Any, scale: NDArray[np.float64], where: str, report: Report) -> Outline:
    """Return the rings of a polygon or of a run-length mask, normalised; () for none, what is malformed reported.

    A ring of fewer than three points, as COCO's own files have some, is passed over.
    """
    if isinstance(segmentation, dict):
        outline = outline_of_runs(segmentation)
        if not outline:
            report.problem(BAD_LABEL, f"{where}: segmentation is not a mask in run lengths, or an empty one: left out")
        return outline
    if isinstance(segmentation, list) and len(segmentation) >= 6 and not isinstance(segmentation[0], list):
        segmentation = [segmentation]  # one ring, without the list around it
    rings = []
    for ring in segmentation if isinstance(segmentation, list) else ():
        points = _numbers(ring, 2)
        if points is None:
            shown = str(ring)[:_PLACES_SHOWN]
            report.problem(BAD_LABEL, f"{where}: segmentation {shown} is not a list of x and y: left out")
        elif len(points) >= 3:
            rings.append(np.clip(points / scale, 0, 1).astype(np.float32))
    return tuple(rings)


def _bounds(outline: Outline, scale: NDArray[np.float64]) -> list[float] | None:
    """Return ``bbox`` of an annotation that gives an outline alone."""
    if not outline:
        return None
    points = np.concatenate(outline) * scale
    low, high = points.min(axis=0), points.max(axis=0)
    return [*map(float, low), *map(float, high - low)]


def _keypoints(values: Any, scale: NDArray[np.float64], where: str, report: Report) -> NDArray[np.float32] | None:
    """Return (K, 3) normalised keypoints, or None for none; what is malformed is reported."""
    if not values:
        return None
    points = _numbers(values, 3)
    if points is None:
        shown = str(values)[:_PLACES_SHOWN]
        report.problem(BAD_LABEL, f"{where}: keypoints {shown} are not x, y and visibility of each: left out")
        return None
    points[:, :2] /= scale
    return points.astype(np.float32)


def _numbers(values: Any, columns: int) -> NDArray[np.float64] | None:
    """Return a list of finite numbers as a table (N, columns), None where it is something else."""
    if not isinstance(values, list) or len(values) % columns:
        return None
    try:
        table = np.array(values, np.float64).reshape(-1, columns)
    except (TypeError, ValueError):
        return None
    return table if np.isfinite(table).all() else None


def _normalised(bbox: Any, image: dict[str, Any]) -> tuple[float, float, float, float] | None:
    """Return ``xyxy`` normalised, or None when the box is malformed or outside the image."""
    try:
        left, top, width, height = (float(value) for value in bbox)
        image_width, image_height = float(image["width"]), float(image["height"])
    except (KeyError, TypeError, ValueError):
        return None
    if not all(map(math.isfinite, (left, top, width, height))) or min(width, height, image_width, image_height) <= 0:
        return None
    box = left / image_width, top / image_height, (left + width) / image_width, (top + height) / image_height
    return box if box[0] < 1 and box[1] < 1 and box[2] > 0 and box[3] > 0 else None

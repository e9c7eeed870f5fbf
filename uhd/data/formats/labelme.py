"""LabelMe: a JSON file for every image, with named shapes in pixels."""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from uhd.data.formats.coco import find_image
from uhd.data.formats.rows import Row, joined, record_of
from uhd.data.formats.run_length import outline_of_bitmap
from uhd.data.image_size import shown_size
from uhd.data.problems import BAD_IMAGE, BAD_LABEL, MISSING_IMAGE, Report
from uhd.data.records import MARKS, Record
from uhd.data.turned import as_shown
from uhd.errors import UserError
from uhd.objects import Outline
from uhd.read import IMAGE_SUFFIXES, UnreadableImage

NO_AREA = "shape of LabelMe that is no object (points, lines)"
_CORNERED = ("polygon", "oriented_rectangle", "rotation")  # the latter two of its followers, turned boxes
_LINES = ("point", "line", "linestrip", "points")


def read_content(path: Path) -> dict[str, Any]:
    """Return the content of a LabelMe file.

    Raises:
        UserError: not one.
    """
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read as JSON ({error})") from None
    if not is_labelme(content):
        raise UserError(f"{path}: is no LabelMe file: needs a list 'shapes'")
    return dict(content)


def is_labelme(content: Any) -> bool:
    """Return whether JSON is a LabelMe file."""
    return isinstance(content, dict) and isinstance(content.get("shapes"), list)


def labelme_names(contents: Sequence[dict[str, Any]]) -> set[str]:
    """Return the names of all classes that files use."""
    shapes = (shape for content in contents for shape in content["shapes"] if isinstance(shape, dict))
    return {str(shape.get("label", "")) for shape in shapes if shape.get("shape_type") not in _LINES} - {""}


def read_labelme(path: Path, content: dict[str, Any], numbers: dict[str, int], report: Report) -> Record | None:
    """Read one file; None where its image is missing or no image.

    Polygons of one class with the same ``group_id`` are the rings of one object.

    Args:
        path: the .json file; its image is looked for beside it.
        content: of the file.
        numbers: class name -> number.
        report: receives bad shapes and missing images.
    """
    name = str(content.get("imagePath") or "")
    image = find_image(path, name) or next(
        (path.with_suffix(suffix) for suffix in sorted(IMAGE_SUFFIXES) if path.with_suffix(suffix).is_file()), None
    )
    if image is None:
        inside = "; it is embedded: write it out with labelme_export_json" if content.get("imageData") else ""
        report.problem(MISSING_IMAGE, f"{path}: {name or path.stem}: there is no such file{inside}")
        return None
    try:
        stated = content.get("imageHeight"), content.get("imageWidth")
        height, width = (int(side) for side in stated) if all(stated) else shown_size(image)  # type: ignore[arg-type]
    except (UnreadableImage, TypeError, ValueError) as error:
        report.problem(BAD_IMAGE, f"{path}: {error}")
        return None
    rows: list[Row] = []
    groups: dict[tuple[int, Any], int] = {}
    for at, shape in enumerate(content["shapes"], start=1):
        row = _row(shape, numbers, (height, width), report, str(path))
        if isinstance(row, str):
            report.problem(BAD_LABEL, f"{path}: shape {at}: {row}")
        elif row is not None:
            key = (row.label, shape.get("group_id"))
            if key[1] is not None and row.outline and key in groups:
                rows[groups[key]] = joined(rows[groups[key]], row)
                continue
            groups[key] = len(rows)
            rows.append(row)
    return as_shown(record_of(image, rows, (height, width)), report)


def _row(shape: Any, numbers: dict[str, int], size: tuple[int, int], report: Report, where: str) -> Row | str | None:
    """Return what a shape says, why it is skipped, or None for one that is no object."""
    if not isinstance(shape, dict):
        return "is no shape"
    kind = shape.get("shape_type") or "polygon"
    if kind in _LINES:
        report.note(NO_AREA, case=f"{where}: {kind}")
        return None
    name = str(shape.get("label", ""))
    if name not in numbers:
        return f"class {name!r} is not among {', '.join(numbers)}"
    try:
        points = np.array(shape["points"], np.float64).reshape(-1, 2) / np.array([size[1], size[0]])
    except (KeyError, TypeError, ValueError):
        return "has no points"
    if kind == "mask" and len(points) == 2:
        points = points + np.array([[0, 0], [1, 1]]) / np.array([size[1], size[0]])  # both ends are pixels of it
    if kind == "circle" and len(points) == 2:
        points = _circle_ends(points, size)
    if len(points) < 2 or not np.isfinite(points).all():
        return f"{kind} of {len(points)} points"
    low, high = points.min(0).tolist(), points.max(0).tolist()
    if high[0] <= low[0] or high[1] <= low[1] or high[0] <= 0 or high[1] <= 0 or low[0] >= 1 or low[1] >= 1:
        return f"{kind} has no area in the image"
    said = {**(shape.get("flags") or {}), **{mark: shape[mark] for mark in MARKS if mark in shape}}
    outline: Outline = ()
    if kind == "mask":
        outline = _outline_of_mask(shape.get("mask"), points, size)
    elif kind in _CORNERED and len(points) > 2:
        outline = (np.clip(points, 0, 1).astype(np.float32),)
    marks = frozenset(mark for mark in MARKS if said.get(mark))
    crowd = any(said.get(word) for word in ("crowd", "iscrowd", "ignored"))
    return Row(numbers[name], (low[0], low[1], high[0], high[1]), crowd, marks, outline)


def _outline_of_mask(text: Any, points: NDArray[np.float64], size: tuple[int, int]) -> Outline:
    """Return the outline, normalised, of a mask: a PNG in base64 whose first pixel lies at the first point."""
    try:
        content = np.frombuffer(base64.b64decode(text or "", validate=True), np.uint8)
    except (TypeError, ValueError, binascii.Error):
        return ()
    bitmap = cv2.imdecode(content, cv2.IMREAD_GRAYSCALE) if len(content) else None
    if bitmap is None:
        return ()
    scale = np.array([size[1], size[0]], np.float64)
    stretch = np.array(bitmap.shape[::-1]) / scale
    return tuple((ring * stretch + points[0]).astype(np.float32) for ring in outline_of_bitmap(bitmap > 0))


def _circle_ends(points: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.float64]:
    """Return two corners, normalised, of a circle given by its centre and a point on it (2, 2)."""
    scale = np.array([size[1], size[0]])
    centre, edge = points * scale
    radius = math.dist(centre, edge)
    ends: NDArray[np.float64] = np.stack([centre - radius, centre + radius]) / scale
    return ends

"""CVAT's "for images" XML: one file for many images, with boxes, polygons and run-length masks in pixels."""

from __future__ import annotations

import math
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from uhd.data.formats.coco import find_image
from uhd.data.formats.rows import Row, record_of
from uhd.data.formats.run_length import fill_runs, outline_of_bitmap
from uhd.data.problems import BAD_LABEL, MISSING_IMAGE, Report
from uhd.data.records import MARKS, Record
from uhd.data.turned import as_shown
from uhd.errors import UserError
from uhd.objects import Outline

_SHAPES = ("box", "polygon", "mask", "ellipse")
NO_BOX = "shape of CVAT that is no object (points, lines, cuboids, tags)"


def cvat_names(root: Element) -> tuple[str, ...]:
    """Return the class names: in the order of the project's labels, else sorted."""
    listed = [(entry.findtext("name") or "").strip() for entry in root.iter("label")]
    used = {str(shape.get("label", "")) for image in root.findall("image") for shape in image if shape.tag in _SHAPES}
    return tuple(dict.fromkeys([*(name for name in listed if name), *sorted(used - {""})]))


def read_cvat(path: Path, root: Element, numbers: dict[str, int], report: Report) -> list[tuple[str, Record]]:
    """Read a file; returns the subset of every image (``Train``, ...; "" where none is named) and its record.

    Args:
        path: the .xml file; images are looked for beside it, in ``images/``, and one folder above.
        root: its content.
        numbers: class name -> number.
        report: receives bad shapes and missing images.

    Raises:
        UserError: it holds tracks of a video, or no image.
    """
    images = root.findall("image")
    if root.find("track") is not None and not images:
        raise UserError(f"{path}: holds tracks of a video: export it from CVAT as 'CVAT for images'")
    if not images:
        raise UserError(f"{path}: is no CVAT annotation file: it has no <image>")
    found = []
    for entry in images:
        name = str(entry.get("name", ""))
        image = find_image(path, name)
        if image is None:
            report.problem(MISSING_IMAGE, f"{path}: {name}: there is no such file")
            continue
        try:
            size = int(float(entry.get("height", ""))), int(float(entry.get("width", "")))
        except ValueError:
            report.problem(BAD_LABEL, f"{path}: {name}: has no width and height")
            continue
        rows = _rows(entry, numbers, size, f"{path}: {name}", report)
        found.append((str(entry.get("subset", "")), as_shown(record_of(image, rows, size), report)))
    return found


def _rows(entry: Element, numbers: dict[str, int], size: tuple[int, int], where: str, report: Report) -> list[Row]:
    rows = []
    for at, shape in enumerate(entry, start=1):
        if shape.tag not in _SHAPES:
            report.note(NO_BOX, case=f"{where}: {shape.tag}")
            continue
        try:
            row = _row(shape, numbers, size)
        except (ValueError, TypeError):
            row = f"{shape.tag} has no numbers"
        if isinstance(row, str):
            report.problem(BAD_LABEL, f"{where}: shape {at}: {row}")
        else:
            rows.append(row)
    return rows


def _row(shape: Element, numbers: dict[str, int], size: tuple[int, int]) -> Row | str:
    """Return what a shape says, or why it is skipped."""
    name = str(shape.get("label", ""))
    if name not in numbers:
        return f"class {name!r} is not among {', '.join(numbers)}"
    corners, outline = _places(shape, size)
    if len(corners) < 2 or not np.isfinite(corners).all():
        return f"{shape.tag} has no place"
    low, high = corners.min(0).tolist(), corners.max(0).tolist()
    if high[0] <= low[0] or high[1] <= low[1] or high[0] <= 0 or high[1] <= 0 or low[0] >= 1 or low[1] >= 1:
        return f"{shape.tag} has no area in the image"
    said = {str(each.get("name")).lower(): (each.text or "").strip().lower() for each in shape.findall("attribute")}
    said |= {key.lower(): value for key, value in shape.attrib.items() if key in MARKS}
    marks = frozenset(mark for mark in MARKS if said.get(mark) in {"1", "true", "yes"})
    crowd = any(said.get(word) in {"1", "true", "yes"} for word in ("crowd", "iscrowd", "is_crowd", "ignored"))
    return Row(numbers[name], (low[0], low[1], high[0], high[1]), crowd, marks, outline)


def _places(shape: Element, size: tuple[int, int]) -> tuple[NDArray[np.float64], Outline]:
    """Return the normalised points (N, 2) that a shape's box must hold, and its outline."""
    height, width = size
    scale = np.array([width, height], np.float64)
    if shape.tag == "polygon":
        points = [[float(value) for value in pair.split(",")] for pair in shape.get("points", "").split(";")]
        ring = np.array(points, np.float64).reshape(-1, 2) / scale
        return ring, (np.clip(ring, 0, 1).astype(np.float32),)
    if shape.tag == "mask":
        x, y, w, h = (int(float(shape.get(key, ""))) for key in ("left", "top", "width", "height"))
        runs = [int(run) for run in shape.get("rle", "").split(",")]
        bitmap = fill_runs(runs, w * h).reshape(h, w)
        rings = outline_of_bitmap(bitmap)
        shift, stretch = np.array([x, y]) / scale, np.array([w, h]) / scale
        outline = tuple((ring * stretch + shift).astype(np.float32) for ring in rings)
        rows, columns = np.flatnonzero(bitmap.any(1)), np.flatnonzero(bitmap.any(0))
        if not len(rows):
            return np.zeros((0, 2)), ()
        ends = [[x + columns[0], y + rows[0]], [x + columns[-1] + 1, y + rows[-1] + 1]]
        return np.array(ends, np.float64) / scale, outline
    if shape.tag == "ellipse":
        cx, cy, rx, ry = (float(shape.get(key, "")) for key in ("cx", "cy", "rx", "ry"))
        left, top, right, bottom = cx - rx, cy - ry, cx + rx, cy + ry
    else:
        left, top, right, bottom = (float(shape.get(key, "")) for key in ("xtl", "ytl", "xbr", "ybr"))
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float64)
    angle = math.radians(float(shape.get("rotation", 0)))
    if not angle:
        return corners / scale, ()
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    centre = corners.mean(0)
    turned = ((corners - centre) @ turn.T + centre) / scale
    return turned, (np.clip(turned, 0, 1).astype(np.float32),)

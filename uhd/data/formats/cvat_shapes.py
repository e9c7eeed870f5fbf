"""The shapes of CVAT as objects: boxes, turned boxes, polygons, ellipses, run-length masks, skeletons."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from uhd.data.formats.rows import Row, joined
from uhd.data.formats.run_length import fill_runs, outline_of_bitmap
from uhd.data.problems import BAD_LABEL, Report
from uhd.data.records import MARKS
from uhd.objects import Outline

SHAPES = ("box", "polygon", "mask", "ellipse", "skeleton")
NO_BOX = "shape of CVAT that is no object (points, lines, cuboids, tags)"
_PIECES = ("polygon", "mask")
_YES = {"1", "true", "yes"}


def rows_of_shapes(
    shapes: Iterable[Element],
    numbers: Mapping[str, int],
    joints: Mapping[str, Sequence[str]],
    size: tuple[int, int],
    where: str,
    report: Report,
) -> list[Row]:
    """Return the objects of an image. Polygons and masks of one class and ``group_id`` are the pieces of one.

    Args:
        shapes: its elements, each with a ``label``.
        numbers: class name -> number.
        joints: class name -> names of the points of its skeleton, in order.
        size: (height, width) in pixels.
        where: file and image, for messages.
        report: receives bad shapes.
    """
    rows: list[Row] = []
    groups: dict[tuple[str, int], int] = {}
    for at, shape in enumerate(shapes, start=1):
        if shape.tag not in SHAPES:
            report.note(NO_BOX, case=f"{where}: {shape.tag}")
            continue
        try:
            row = _row(shape, numbers, joints, size)
        except (ValueError, TypeError):
            row = f"{shape.tag} has no numbers"
        if isinstance(row, str):
            report.problem(BAD_LABEL, f"{where}: shape {at}: {row}")
            continue
        group = shape.get("group_id", "0")
        if shape.tag in _PIECES and group != "0":
            key = group, row.label
            if key in groups:
                rows[groups[key]] = joined(rows[groups[key]], row)
                continue
            groups[key] = len(rows)
        rows.append(row)
    return rows


def _row(
    shape: Element, numbers: Mapping[str, int], joints: Mapping[str, Sequence[str]], size: tuple[int, int]
) -> Row | str:
    """Return what a shape says, or why it is skipped."""
    name = str(shape.get("label", ""))
    if name not in numbers:
        return f"class {name!r} is not among {', '.join(numbers)}"
    keypoints = _joints(shape, joints.get(name, ()), size) if shape.tag == "skeleton" else None
    corners, outline = _places(shape, size) if keypoints is None else (keypoints[keypoints[:, 2] > 0, :2], ())
    if len(corners) < 2 or not np.isfinite(corners).all():
        return f"{shape.tag} has no place"
    low, high = corners.min(0).tolist(), corners.max(0).tolist()
    if high[0] <= low[0] or high[1] <= low[1] or high[0] <= 0 or high[1] <= 0 or low[0] >= 1 or low[1] >= 1:
        return f"{shape.tag} has no area in the image"
    said = {str(each.get("name")).lower(): (each.text or "").strip().lower() for each in shape.findall("attribute")}
    said |= {key.lower(): value for key, value in shape.attrib.items() if key in MARKS}
    marks = frozenset(mark for mark in MARKS if said.get(mark) in _YES)
    crowd = any(said.get(word) in _YES for word in ("crowd", "iscrowd", "is_crowd", "ignored"))
    points = None if keypoints is None else keypoints.astype(np.float32)
    return Row(numbers[name], (low[0], low[1], high[0], high[1]), crowd, marks, outline, points)


def _joints(shape: Element, names: Sequence[str], size: tuple[int, int]) -> NDArray[np.float64]:
    """Return (K, 3) normalised points of a skeleton: not there 0, hidden 1, seen 2."""
    known = {str(point.get("label")): point for point in shape.findall("points")}
    table = np.zeros((len(names or known), 3))
    for row, name in zip(table, names or known, strict=True):
        point = known.get(name)
        if point is not None and point.get("outside") != "1":
            x, y = (float(value) for value in point.get("points", "").split(";")[0].split(","))
            row[:] = x / size[1], y / size[0], 1 if point.get("occluded") == "1" else 2
    return table


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

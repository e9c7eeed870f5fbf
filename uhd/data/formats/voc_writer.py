"""A record as a PASCAL VOC annotation: whole pixels, counted from 1, both ends included."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, indent, tostring

import numpy as np

from uhd.data.formats.decimals import pixel_points, to_text
from uhd.data.formats.rows import Row, rows_of
from uhd.data.records import MARKS, Record

REGION = "ignored"


def voc_text(name: Path, record: Record, names: Sequence[str]) -> str:
    """Return the annotation of an image as XML. Beside VOC's own tags it may hold ``polygon`` and ``keypoints``.

    A crowd is ``difficult``, which VOC's own evaluation passes over, and ``ignored``; a region of no class is called
    ``ignored``.

    Args:
        name: of the image, as ``JPEGImages`` holds it.
        record: its objects; ``size`` must be known.
        names: of the classes.
    """
    assert record.size is not None
    height, width = record.size
    root = Element("annotation")
    _add(root, "folder", "JPEGImages")
    _add(root, "filename", name.as_posix())
    size = SubElement(root, "size")
    for tag, value in (("width", width), ("height", height), ("depth", 3)):
        _add(size, tag, value)
    _add(root, "segmented", int(record.objects.masks is not None))
    for row in rows_of(record):
        _add_object(root, row, names, record.size)
    indent(root)
    return tostring(root, encoding="unicode") + "\n"


def _add_object(root: Element, row: Row, names: Sequence[str], size: tuple[int, int]) -> None:
    entry = SubElement(root, "object")
    _add(entry, "name", names[row.label] if row.label >= 0 else REGION)
    _add(entry, "pose", "Unspecified")
    for mark in MARKS:
        _add(entry, mark, int(mark in row.marks or (mark == "difficult" and row.ignored)))
    if row.ignored:
        _add(entry, "ignored", 1)
    box = SubElement(entry, "bndbox")
    for tag, end in zip(("xmin", "ymin", "xmax", "ymax"), pixel_ends(row.box, size), strict=True):
        _add(box, tag, end)
    for ring in row.outline:
        polygon = SubElement(entry, "polygon")
        for i, value in enumerate(pixel_points(ring, size)):
            _add(polygon, f"{'xy'[i % 2]}{i // 2 + 1}", to_text(value))
    if row.keypoints is not None:
        places = np.array(pixel_points(row.keypoints[:, :2], size)).reshape(-1, 2).tolist()
        seen = row.keypoints[:, 2].tolist()
        _add(
            entry,
            "keypoints",
            " ".join(f"{to_text(x)} {to_text(y)} {v:g}" for (x, y), v in zip(places, seen, strict=True)),
        )


def pixel_ends(box: Sequence[float], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return ``xmin, ymin, xmax, ymax`` of a normalised ``xyxy`` box to the nearest pixel, at least one pixel large.

    Args:
        box: normalised.
        size: (height, width) of the image in pixels.
    """
    height, width = size
    left, right = min(round(box[0] * width), width - 1), round(box[2] * width)
    top, bottom = min(round(box[1] * height), height - 1), round(box[3] * height)
    return left + 1, top + 1, max(right, left + 1), max(bottom, top + 1)


def _add(parent: Element, tag: str, value: object) -> None:
    SubElement(parent, tag).text = str(value)

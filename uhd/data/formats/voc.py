"""PASCAL VOC: an XML file for every image, boxes in whole pixels counted from 1 that include both ends."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from uhd.data.formats.coco import find_image
from uhd.data.formats.rows import Row, record_of
from uhd.data.image_size import shown_size
from uhd.data.problems import BAD_IMAGE, BAD_LABEL, MISSING_IMAGE, Report
from uhd.data.records import MARKS, Record
from uhd.data.turned import as_shown
from uhd.errors import UserError
from uhd.objects import Outline
from uhd.outlines import outline_bounds
from uhd.read import IMAGE_SUFFIXES, UnreadableImage

_PLACES = ("JPEGImages", "images", "Images", "")


def read_xml(path: Path) -> Element:
    """Return the root of an XML file.

    Raises:
        UserError: not XML.
    """
    try:
        # Entities that refer to files are not followed, and expat itself stops those that grow without end.
        return ElementTree.fromstring(path.read_bytes())  # noqa: S314
    except (OSError, ElementTree.ParseError, ValueError) as error:
        raise UserError(f"{path}: cannot be read as XML ({error})") from None


def voc_names(roots: Sequence[Element]) -> set[str]:
    """Return the names of all classes that annotations use."""
    return {_text(entry, "name") for root in roots for entry in root.findall("object")} - {""}


def read_voc(path: Path, root: Element, numbers: dict[str, int], report: Report) -> Record | None:
    """Read one annotation file; None where its image is missing or no image.

    Args:
        path: the .xml file; its image is looked for beside it and in ``JPEGImages`` or ``images`` beside its folder.
        root: its content.
        numbers: class name -> number.
        report: receives bad boxes and missing images.
    """
    image = _image_of(path, _text(root, "filename"))
    if image is None:
        report.problem(MISSING_IMAGE, f"{path}: {_text(root, 'filename') or path.stem}: there is no such file")
        return None
    size = _size(root)
    try:
        height, width = size or shown_size(image)
    except UnreadableImage as error:
        report.problem(BAD_IMAGE, str(error))
        return None
    rows = []
    for at, entry in enumerate(root.findall("object"), start=1):
        if _is_set(entry, "deleted"):
            continue
        row = _row(entry, numbers, (height, width))
        if isinstance(row, str):
            report.problem(BAD_LABEL, f"{path}: object {at}: {row}")
        else:
            rows.append(row)
    return as_shown(record_of(image, rows, (height, width)), report)


def _row(entry: Element, numbers: dict[str, int], size: tuple[int, int]) -> Row | str:
    """Return what an ``<object>`` says, or why it is skipped."""
    name, (height, width) = _text(entry, "name"), size
    ignored = _is_set(entry, "ignored") or _is_set(entry, "iscrowd") or _is_set(entry, "crowd")
    if name not in numbers and not ignored:
        return f"class {name!r} is not among {', '.join(numbers)}"
    ends = entry.find("bndbox")
    try:
        places = [] if ends is None else [float(_text(ends, side)) for side in ("xmin", "ymin", "xmax", "ymax")]
    except ValueError:
        places = []
    outline, points = _outline(entry, size), entry.find("keypoints")
    if ends is None and outline:  # LabelMe's XML, of its web page, has outlines alone, counted from 0
        bounds = outline_bounds(outline) * [width, height, width, height]
        places = [float(bounds[0]) + 1, float(bounds[1]) + 1, float(bounds[2]), float(bounds[3])]
    if len(places) != 4 or not np.isfinite(places).all():
        return "has no bndbox of four numbers"
    left, top, right, bottom = (places[0] - 1) / width, (places[1] - 1) / height, places[2] / width, places[3] / height
    if right <= left or bottom <= top:
        return f"box {places} has no area"
    if left >= 1 or top >= 1 or right <= 0 or bottom <= 0:
        return f"box {places} lies outside the image of {height}x{width}"
    marks = frozenset(mark for mark in MARKS if _is_set(entry, mark)) - ({"difficult"} if ignored else set())
    keypoints = None if points is None else _keypoints(points.text or "", size)
    return Row(numbers.get(name, -1), (left, top, right, bottom), ignored, marks, outline, keypoints)


def _keypoints(text: str, size: tuple[int, int]) -> NDArray[np.float32] | None:
    """Return (K, 3) normalised keypoints of a text ``x y v x y v ...``; None where it is none."""
    try:
        triples = np.array(text.split(), np.float64).reshape(-1, 3)
    except ValueError:
        return None
    return (triples / np.array([size[1], size[0], 1])).astype(np.float32) if len(triples) else None


def _outline(entry: Element, size: tuple[int, int]) -> Outline:
    """Return the rings of ``<polygon>`` with ``<x1> <y1> <x2> ...``, or with ``<pt><x><y>``, normalised."""
    rings = []
    for polygon in entry.findall("polygon"):
        inner = [_number(pt, axis) for pt in polygon.findall("pt") for axis in ("x", "y")]
        count = len(polygon) // 2
        values = inner or [_number(polygon, f"{axis}{i}") for i in range(1, count + 1) for axis in ("x", "y")]
        ring = np.array(values, np.float64).reshape(-1, 2) / np.array([size[1], size[0]])
        if len(ring) > 2 and np.isfinite(ring).all():
            rings.append(np.clip(ring, 0, 1).astype(np.float32))
    return tuple(rings)


def _image_of(path: Path, name: str) -> Path | None:
    """Return the image of an annotation file, by the name it gives or its own."""
    found = find_image(path, name) if name else None
    if found is not None and found.suffix.lower() in IMAGE_SUFFIXES:
        return found
    for stem in dict.fromkeys((path.stem, name.replace("\\", "/").rpartition("/")[2].rpartition(".")[0])):
        below = Path(*path.parts[path.parts.index("Annotations") + 1 :]).parent if "Annotations" in path.parts else None
        top = path.parents[len(below.parts) + 1] if below is not None else path.parent.parent
        folders = [path.parent, *(top / place / (below or "") for place in _PLACES)]
        for folder in folders if stem else ():
            for suffix in sorted(IMAGE_SUFFIXES):
                for each in (suffix, suffix.upper()):
                    if (folder / f"{stem}{each}").is_file():
                        return folder / f"{stem}{each}"
    return None


def _size(root: Element) -> tuple[int, int] | None:
    entry = root.find("size")
    if entry is None:
        return None
    try:
        height, width = int(float(_text(entry, "height"))), int(float(_text(entry, "width")))
    except ValueError:
        return None
    return (height, width) if min(height, width) > 0 else None


def _text(entry: Element, name: str) -> str:
    return (entry.findtext(name) or "").strip()


def _number(entry: Element, name: str) -> float:
    try:
        return float(_text(entry, name))
    except ValueError:
        return float("nan")


def _is_set(entry: Element, name: str) -> bool:
    return _text(entry, name).lower() in {"1", "true", "yes"}

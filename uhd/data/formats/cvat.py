"""CVAT's XML "for images": one file for many images, with their shapes in pixels; names and joints of both its XMLs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree.ElementTree import Element

from uhd.data.formats.coco import find_image
from uhd.data.formats.cvat_shapes import SHAPES, rows_of_shapes
from uhd.data.formats.cvat_tracks import read_tracks
from uhd.data.formats.rows import record_of
from uhd.data.problems import BAD_LABEL, MISSING_IMAGE, Report
from uhd.data.records import Record
from uhd.data.turned import as_shown
from uhd.errors import UserError


def cvat_names(root: Element) -> tuple[str, ...]:
    """Return the class names: in the order of the project's labels, else sorted; the points of a skeleton are none."""
    listed = [name for name, parent in _labels(root) if not parent]
    used = {str(shape.get("label", "")) for image in root.findall("image") for shape in image if shape.tag in SHAPES}
    used |= {str(track.get("label", "")) for track in root.findall("track")}
    return tuple(dict.fromkeys([*listed, *sorted(used - {""})]))


def cvat_joints(root: Element) -> dict[str, list[str]]:
    """Return the names of the points of every class that is a skeleton, in the order of the project."""
    found: dict[str, list[str]] = {}
    for name, parent in _labels(root):
        if parent:
            found.setdefault(parent, []).append(name)
    return found


def read_cvat(path: Path, root: Element, numbers: Mapping[str, int], report: Report) -> list[tuple[str, Record]]:
    """Read a file; returns the subset of every image (``Train``, ...; "" where none is named) and its record.

    Args:
        path: the .xml file; images are looked for beside it, in ``images/``, and one folder above, and there in a
            folder named like their subset, as CVAT writes a project.
        root: its content.
        numbers: class name -> number.
        report: receives bad shapes and missing images.

    Raises:
        UserError: it holds neither images nor tracks, or tracks without their frames.
    """
    images, joints = root.findall("image"), cvat_joints(root)
    if not images and root.find("track") is not None:
        return read_tracks(path, root, numbers, joints, report)
    if not images:
        raise UserError(f"{path}: is no CVAT annotation file: it has no <image> and no <track>")
    read = (_record(path, entry, numbers, joints, report) for entry in images)
    return [(str(entry.get("subset", "")), record) for entry, record in zip(images, read, strict=True) if record]


def _record(
    path: Path, entry: Element, numbers: Mapping[str, int], joints: Mapping[str, Sequence[str]], report: Report
) -> Record | None:
    name, subset = str(entry.get("name", "")), str(entry.get("subset", ""))
    image = (find_image(path, f"{subset}/{name}") if subset else None) or find_image(path, name)
    if image is None:
        report.problem(MISSING_IMAGE, f"{path}: {name}: there is no such file")
        return None
    try:
        size = int(float(entry.get("height", ""))), int(float(entry.get("width", "")))
    except ValueError:
        report.problem(BAD_LABEL, f"{path}: {name}: has no width and height")
        return None
    rows = rows_of_shapes(entry, numbers, joints, size, f"{path}: {name}", report)
    return as_shown(record_of(image, rows, size), report)


def _labels(root: Element) -> list[tuple[str, str]]:
    """Return the project's labels and, for the points of a skeleton, the label that they are points of."""
    found = (((each.findtext("name") or "").strip(), each.findtext("parent") or "") for each in root.iter("label"))
    return [(name, parent.strip()) for name, parent in found if name]

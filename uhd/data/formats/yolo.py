"""YOLO text labels: a box, an outline or a pose per line, normalised to the image."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from uhd.boxes import clip_xyxy, cxcywh_to_xyxy
from uhd.data.problems import BAD_LABEL, UNKNOWN_CLASS, Report
from uhd.objects import Objects, Outline

# A normalised coordinate beyond this is a pixel coordinate, not a box that hangs over the edge.
LARGEST_NORMALISED = 2.0
OVERHANG = "box that reaches beyond its picture (cut off there)"
_MARK_OF_UTF16 = "\ufffd\ufffd"  # its two bytes, neither of which is in any UTF-8
_SLACK = 0.01


@dataclass(frozen=True)
class ClassMap:
    """Which raw class numbers are wanted.

    Attributes:
        wanted: raw number -> internal class id.
        known: how many classes the data set declares (``names`` of data.yaml), or None. A declared class that is not
            wanted is passed over silently; one that nobody declared is a problem.
        passed_over: boxes of classes that are not wanted, by raw number.
    """

    wanted: Mapping[int, int]
    known: int | None = None
    passed_over: Counter[int] = field(default_factory=Counter)

    @classmethod
    def of(cls, classes: tuple[int, ...], known: int | None = None) -> ClassMap:
        """Number the wanted raw classes 0, 1, ... in the order given."""
        return cls({raw: index for index, raw in enumerate(classes)}, known)

    def describe(self) -> str:
        """Return the wanted classes as the flag shows them."""
        return "--classes " + ",".join(map(str, self.wanted))


@dataclass(frozen=True)
class LineForm:
    """How the lines of a data set are to be read.

    Attributes:
        corners: five fields are ``class x1 y1 x2 y2`` instead of ``class cx cy w h``.
        keypoints: (K, 2 or 3) of pose lines, ``kpt_shape`` of data.yaml; None where it says nothing.
    """

    corners: bool = False
    keypoints: tuple[int, int] | None = None


@dataclass(frozen=True)
class _Line:
    raw_class: int
    box: tuple[float, ...]
    outline: Outline = ()
    keypoints: NDArray[np.float32] | None = None


_PLAIN = LineForm()


def parse_objects(text: str, classes: ClassMap, where: str, report: Report, form: LineForm = _PLAIN) -> Objects:
    """Parse the text of a label file.

    A line is ``class cx cy w h`` (a sixth field is a score and is not read), ``class x1 y1 x2 y2 x3 y3 ...`` (an
    outline, whose bounds are the box), or ``class cx cy w h`` and keypoints, all normalised to the image.

    Args:
        text: the file's content.
        classes: wanted classes.
        where: the file's path, named in problems as ``where:line``.
        report: receives every line that is skipped.
        form: what the data set says of its lines.

    Returns:
        the objects, boxes clipped to the image, under internal class ids.

    Raises:
        UserError: a line is bad and the report is strict.
    """
    lines: list[_Line] = []
    labels: list[int] = []
    seen: set[tuple[float, ...]] = set()
    for number, content in enumerate(text.splitlines(), start=1):
        fields = content.split()
        if not fields:
            continue
        line = _parse_line(fields, form)
        if isinstance(line, str):
            report.problem(BAD_LABEL, f"{where}:{number}: {line}")
        elif line.raw_class not in classes.wanted:
            classes.passed_over[line.raw_class] += 1
            if classes.known is None or line.raw_class >= classes.known:
                told = f"class {line.raw_class} is not in {classes.describe()}"
                report.problem(UNKNOWN_CLASS, f"{where}:{number}: {told}")
        elif (line.raw_class, *line.box) in seen:
            report.problem(BAD_LABEL, f"{where}:{number}: repeats an earlier line")
        else:
            seen.add((line.raw_class, *line.box))
            if hangs_over(line.box):
                report.note(OVERHANG, case=f"{where}:{number}")
            lines.append(line)
            labels.append(classes.wanted[line.raw_class])
    cxcywh = np.array([line.box for line in lines], dtype=np.float64).reshape(-1, 4)
    xyxy = clip_xyxy(cxcywh_to_xyxy(cxcywh)).astype(np.float32)  # type: ignore[arg-type]
    masks = tuple(line.outline for line in lines) if any(line.outline for line in lines) else None
    points = [line.keypoints for line in lines]
    known = next((p for p in points if p is not None), None)
    keypoints = None
    if known is not None:
        keypoints = np.stack([np.zeros_like(known) if p is None or len(p) != len(known) else p for p in points])
    return Objects(xyxy, np.array(labels, dtype=np.int64), np.zeros(len(labels), bool), keypoints, masks)


def parse_labels(
    text: str, classes: ClassMap, where: str, report: Report
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the boxes (N, 4) ``xyxy`` and class ids (N,) of a label file's text; see :func:`parse_objects`."""
    objects = parse_objects(text, classes, where, report)
    return objects.boxes, objects.labels


def read_objects(path: Path, classes: ClassMap, report: Report, form: LineForm = _PLAIN) -> Objects:
    """Read a label file; see :func:`parse_objects`.

    Raises:
        FileNotFoundError: there is no such file.
        UserError: a line is bad and the report is strict.
    """
    try:
        text = read_text(path)
    except FileNotFoundError:
        raise
    except OSError as error:  # a folder, no permission, a link to itself
        report.problem(BAD_LABEL, f"{path}: {error.strerror}")
        text = ""
    if text.startswith(_MARK_OF_UTF16):
        report.problem(BAD_LABEL, f"{path}: is in UTF-16: save it as UTF-8")
        text = ""
    return parse_objects(text, classes, str(path), report, form)


def read_labels(path: Path, classes: ClassMap, report: Report) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the boxes (N, 4) ``xyxy`` and class ids (N,) of a label file; see :func:`read_objects`."""
    objects = read_objects(path, classes, report)
    return objects.boxes, objects.labels


def read_text(path: Path) -> str:
    """Return the text of a label file, whatever is odd about its bytes."""
    return path.read_bytes().decode("utf-8-sig", errors="replace")


def hangs_over(box: Sequence[float]) -> bool:
    """Return whether a normalised ``cxcywh`` box reaches beyond the image by more than rounding explains."""
    cx, cy, width, height = box
    return min(cx - width / 2, cy - height / 2) < -_SLACK or max(cx + width / 2, cy + height / 2) > 1 + _SLACK


def holds_corners(texts: Iterable[str]) -> bool:
    """Return whether the lines of label files are ``class x1 y1 x2 y2``.

    They are when in all of them the third and fourth number exceed the first and second, as corners must and sizes
    rarely do, and read as centre and size at least a fifth of them would hang over the edge of the image.
    """
    count = over = 0
    for text in texts:
        for content in text.splitlines():
            fields = content.split()
            if len(fields) not in (5, 6):
                continue
            try:
                x, y, right, bottom = (float(value) for value in fields[1:5])
            except ValueError:
                continue
            if not (0 <= x < right <= 1 and 0 <= y < bottom <= 1):
                return False
            count += 1
            low, high = min(x - right / 2, y - bottom / 2), max(x + right / 2, y + bottom / 2)
            over += low < -0.01 or high > 1.01
    return over >= 2 and over >= count / 5


def _parse_line(fields: list[str], form: LineForm) -> _Line | str:
    """Return what a line says, or why it is skipped."""
    if len(fields) == 1 and ("," in fields[0] or ";" in fields[0]):
        return f"{fields[0][:40]!r} has no blanks, needs five numbers: class cx cy w h"
    if len(fields) < 5:
        return f"has {len(fields)} fields, needs class cx cy w h"
    try:
        values = [float(text) for text in fields]
    except ValueError:
        try:
            values = [float(text) for text in fields[:5]]  # further fields may hold anything
        except ValueError:
            return f"{' '.join(fields[:5])!r} is not five numbers"
    raw_class, numbers = values[0], values[1:]
    if not all(map(math.isfinite, values)):
        return "holds a number that is not finite"
    if raw_class < 0 or not raw_class.is_integer():
        return f"class {fields[0]} is not a whole number from 0"
    if max(map(abs, numbers[:4])) > LARGEST_NORMALISED:
        shown = " ".join(f"{value:g}" for value in numbers[:4])
        return f"box {shown} is in pixels, not normalised to 0..1"
    if _is_outline(numbers, form):
        return _from_outline(int(raw_class), numbers)
    cx, cy, width, height = numbers[:4]
    if form.corners:
        cx, cy, width, height = (cx + width) / 2, (cy + height) / 2, width - cx, height - cy
    if width <= 0 or height <= 0:
        return f"box size {width:g} x {height:g} is not positive"
    if not (cx - width / 2 < 1 and cx + width / 2 > 0 and cy - height / 2 < 1 and cy + height / 2 > 0):
        return f"box {cx:g} {cy:g} {width:g} {height:g} lies outside the image"
    return _Line(int(raw_class), (cx, cy, width, height), (), _keypoints(numbers[4:], form))


def _is_outline(numbers: list[float], form: LineForm) -> bool:
    """Return whether the numbers behind the class are the corners of a polygon, and not a box with keypoints."""
    if len(numbers) < 6 or len(numbers) % 2:
        return False
    if form.keypoints is not None and len(numbers) == 4 + form.keypoints[0] * form.keypoints[1]:
        return False
    return not _are_visible_points(numbers[4:])


def _are_visible_points(numbers: list[float]) -> bool:
    """Return whether numbers are x, y and visibility, which is 0, 1 or 2, of points."""
    return len(numbers) % 3 == 0 and all(value in (0, 1, 2) for value in numbers[2::3])


def _from_outline(raw_class: int, numbers: list[float]) -> _Line | str:
    ring = np.array(numbers, np.float64).reshape(-1, 2)
    if np.abs(ring).max() > LARGEST_NORMALISED:
        return "its outline is in pixels, not normalised to 0..1"
    (left, top), (right, bottom) = ring.min(0).tolist(), ring.max(0).tolist()
    if right <= left or bottom <= top:
        return f"its outline of {len(ring)} points has no area"
    if not (left < 1 and right > 0 and top < 1 and bottom > 0):
        return "its outline lies outside the image"
    box = ((left + right) / 2, (top + bottom) / 2, right - left, bottom - top)
    return _Line(raw_class, box, (np.clip(ring, 0, 1).astype(np.float32),))


def _keypoints(numbers: list[float], form: LineForm) -> NDArray[np.float32] | None:
    """Return (K, 3) points of a pose line, or None."""
    if form.keypoints is None or len(numbers) != form.keypoints[0] * form.keypoints[1]:
        return None
    points = np.array(numbers, np.float32).reshape(form.keypoints)
    if form.keypoints[1] == 2:
        points = np.concatenate([points, np.full((len(points), 1), 2, np.float32)], 1)
    return points

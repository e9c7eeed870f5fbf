"""YOLO text labels: one ``class cx cy w h`` per line, normalised to the image; further fields are not read."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from uhd.boxes import clip_xyxy, cxcywh_to_xyxy
from uhd.data.problems import BAD_LABEL, UNKNOWN_CLASS, Report

# A normalised coordinate beyond this is a pixel coordinate, not a box that hangs over the edge.
LARGEST_NORMALISED = 2.0


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


def parse_labels(
    text: str, classes: ClassMap, where: str, report: Report
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Parse the text of a label file.

    Args:
        text: the file's content.
        classes: wanted classes.
        where: the file's path, named in problems as ``where:line``.
        report: receives every line that is skipped.

    Returns:
        (N, 4) float32 ``xyxy`` boxes, normalised and clipped to the image, and (N,) int64 internal class ids.

    Raises:
        UserError: a line is bad and the report is strict.
    """
    boxes: list[tuple[float, ...]] = []
    labels: list[int] = []
    seen: set[tuple[float, ...]] = set()
    for number, line in enumerate(text.splitlines(), start=1):
        fields = line.split()
        if not fields:
            continue
        reason, raw_class, box = _parse_line(fields)
        if reason:
            report.problem(BAD_LABEL, f"{where}:{number}: {reason}")
        elif raw_class not in classes.wanted:
            classes.passed_over[raw_class] += 1
            if classes.known is None or raw_class >= classes.known:
                report.problem(UNKNOWN_CLASS, f"{where}:{number}: class {raw_class} is not in {classes.describe()}")
        elif (raw_class, *box) in seen:
            report.problem(BAD_LABEL, f"{where}:{number}: repeats an earlier line")
        else:
            seen.add((raw_class, *box))
            boxes.append(box)
            labels.append(classes.wanted[raw_class])
    cxcywh = np.array(boxes, dtype=np.float64).reshape(-1, 4)
    xyxy = clip_xyxy(cxcywh_to_xyxy(cxcywh)).astype(np.float32)  # type: ignore[arg-type]
    return xyxy, np.array(labels, dtype=np.int64)


def read_labels(path: Path, classes: ClassMap, report: Report) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Read a label file; see :func:`parse_labels`.

    Raises:
        FileNotFoundError: there is no such file.
        UserError: a line is bad and the report is strict.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig", errors="replace")
    except (IsADirectoryError, PermissionError) as error:
        report.problem(BAD_LABEL, f"{path}: {error.strerror}")
        text = ""
    return parse_labels(text, classes, str(path), report)


def _parse_line(fields: list[str]) -> tuple[str, int, tuple[float, ...]]:
    """Return (reason to skip or "", raw class, (cx, cy, w, h))."""
    nothing = (0.0,) * 4
    if len(fields) < 5:
        return f"has {len(fields)} fields, needs class cx cy w h", 0, nothing
    try:
        values = [float(text) for text in fields[:5]]
    except ValueError:
        return f"{' '.join(fields[:5])!r} is not five numbers", 0, nothing
    raw_class, (cx, cy, width, height) = values[0], values[1:]
    if not all(map(math.isfinite, values)):
        return "holds a number that is not finite", 0, nothing
    if raw_class < 0 or not raw_class.is_integer():
        return f"class {fields[0]} is not a whole number from 0", 0, nothing
    if width <= 0 or height <= 0:
        return f"box size {width:g} x {height:g} is not positive", 0, nothing
    if max(abs(cx), abs(cy), width, height) > LARGEST_NORMALISED:
        return f"box {cx:g} {cy:g} {width:g} {height:g} is not normalised to 0..1", 0, nothing
    if not (cx - width / 2 < 1 and cx + width / 2 > 0 and cy - height / 2 < 1 and cy + height / 2 > 0):
        return f"box {cx:g} {cy:g} {width:g} {height:g} lies outside the image", 0, nothing
    return "", int(raw_class), (cx, cy, width, height)

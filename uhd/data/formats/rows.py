"""One labelled object as a reader meets it, and the table that the objects of an image become."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from uhd.boxes import clip_xyxy
from uhd.data.records import Marks, Record
from uhd.objects import Objects, Outline, Texts

NO_MARKS: frozenset[str] = frozenset()


@dataclass(frozen=True, eq=False)
class Row:
    """An object of an image.

    Attributes:
        label: number of its class; -1 for a region of no class.
        box: left, top, right, bottom, normalised to the image; may hang over its edge.
        ignored: counts neither for nor against, as a crowd.
        marks: what else its file says of it, of :data:`uhd.data.records.MARKS`.
        outline: rings, normalised; () where not known.
        keypoints: (K, 3), normalised; None where not known.
        texts: phrases that describe it.
    """

    label: int
    box: tuple[float, float, float, float]
    ignored: bool = False
    marks: frozenset[str] = NO_MARKS
    outline: Outline = ()
    keypoints: NDArray[np.float32] | None = None
    texts: Texts = ()


def record_of(image: Path, rows: Sequence[Row], size: tuple[int, int] | None) -> Record:
    """Return the record of an image: boxes clipped to it, objects to be found first, in the order of the rows.

    Args:
        image: the file.
        rows: its objects.
        size: (height, width) in pixels that the labels are for.
    """
    rows = [row for row in rows if not row.ignored] + [row for row in rows if row.ignored]
    if not rows:
        return Record(image, Objects.empty(), size)
    known = next((row.keypoints for row in rows if row.keypoints is not None), None)
    keypoints = None
    if known is not None:
        blank = np.zeros_like(known)
        points = [row.keypoints for row in rows]
        keypoints = np.stack([blank if p is None or len(p) != len(known) else p for p in points])
    objects = Objects(
        clip_xyxy(np.array([row.box for row in rows], np.float32)),
        np.array([row.label for row in rows], np.int64),
        np.array([row.ignored for row in rows], bool),
        keypoints,
        tuple(row.outline for row in rows) if any(row.outline for row in rows) else None,
        tuple(row.texts for row in rows) if any(row.texts for row in rows) else None,
    )
    marks: Marks = tuple(row.marks for row in rows) if any(row.marks for row in rows) else ()
    return Record(image, objects, size, marks)


def rows_of(record: Record) -> list[Row]:
    """Return the objects of a record one by one, in its order."""
    objects, found = record.objects, list[Row]()
    for i in range(len(objects)):
        left, top, right, bottom = objects.boxes[i].astype(np.float64).tolist()
        points = None if objects.keypoints is None else objects.keypoints[i]
        if points is not None and not points[:, 2].any():
            points = None
        found.append(
            Row(
                int(objects.labels[i]),
                (left, top, right, bottom),
                bool(objects.ignored[i]),
                record.marks[i] if record.marks else NO_MARKS,
                objects.masks[i] if objects.masks is not None else (),
                points,
                objects.texts[i] if objects.texts is not None else (),
            )
        )
    return found


def joined(row: Row, more: Row) -> Row:
    """Return one object of two that a program keeps as pieces of one: bounds of both, outlines and marks of both."""
    ends = np.array([row.box, more.box])
    left, top = ends[:, :2].min(0).tolist()
    right, bottom = ends[:, 2:].max(0).tolist()
    return replace(
        row, box=(left, top, right, bottom), outline=row.outline + more.outline, marks=row.marks | more.marks
    )


def relabel(record: Record, number: dict[int, int]) -> Record:
    """Return a record under other class numbers; objects whose class has none are left out, regions of no class stay.

    Args:
        record: an image and its objects.
        number: old class -> new one.
    """
    rows = [
        row if row.label < 0 else replace(row, label=number[row.label])
        for row in rows_of(record)
        if row.label < 0 or row.label in number
    ]
    return record_of(record.image, rows, record.size)

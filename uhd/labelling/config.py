"""When an answer of a teacher becomes a label."""

from __future__ import annotations

from dataclasses import dataclass

from uhd.config import knob


@dataclass(frozen=True)
class LabelRules:
    """What becomes a label, what an ignore region, what nothing."""

    high: float = knob(0.5, "answers of at least this score become labels", minimum=0, maximum=1)
    low: float = knob(0.3, "answers from here up to --high become ignore regions", minimum=0, maximum=1)
    suppress_iou: float = knob(
        0.5, "overlap at which two answers of one teacher are the same person", minimum=0, maximum=1
    )
    fuse_iou: float = knob(
        0.55, "overlap at which answers of several teachers are the same person", minimum=0, maximum=1
    )
    every_class: bool = knob(False, "label all that the teacher tells apart, not people alone; people stay class 0")
    complete: bool = knob(False, "keep the labels that are there and add the people they miss")
    known_iou: float = knob(
        0.45, "with --complete: an answer that overlaps a label or ignore region by this is known", minimum=0, maximum=1
    )

"""Flags that choose what is done about duplicates."""

from __future__ import annotations

from dataclasses import dataclass

from uhd.config import knob
from uhd.nms.suppression import KINDS


@dataclass(frozen=True)
class SuppressionFlags:
    """How duplicates are found, in place of what a model's card says."""

    nms_type: str | None = knob(
        None,
        "what is done about duplicate boxes: greedy, soft-linear and soft-gaussian (scores decay), diou, wbf (boxes "
        "are averaged); default: what the model says",
        choices=tuple(KINDS),
    )

"""Which answers of a teacher of poses are believed."""

from __future__ import annotations

from dataclasses import dataclass

from uhd.config import knob


@dataclass(frozen=True)
class PoseRules:
    """Which answers of a teacher of poses are believed."""

    pose_score: float = knob(0.3, "keypoints of at least this score are known (--poses)", minimum=0, maximum=1)
    pose_height: int = knob(48, "who is less tall in pixels gets no pose (--poses)", minimum=1)

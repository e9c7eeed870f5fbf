"""Give people numbers that stay, by associating every detection, the doubtful ones too.

ByteTrack (Zhang et al., ECCV 2022, https://arxiv.org/abs/2110.06864): sure detections are matched first; what is then
left of the tracks is matched with the doubtful ones, which are people half hidden more often than false alarms.
Whoever moves most of a width from one frame to the next, as at 3 frames a second, is found by boxes with a margin
around them (C-BIoU, Yang et al., WACV 2023, https://arxiv.org/abs/2211.14317).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uhd.detections import Detections
from uhd.errors import UserError
from uhd.runtime.tracking.matches import Matches
from uhd.runtime.tracking.motion import BoxMotion

_LARGEST = 1e18  # the square of a larger side has no bounds in single precision


@dataclass(frozen=True)
class TrackingConfig:
    """How detections become tracks.

    Attributes:
        high: a detection with at least this score is sure, and may start a track.
        low: detections below this score are not looked at.
        match_iou: least IoU of a sure detection with where its track is expected.
        doubtful_iou: the same for a doubtful detection.
        margin: around both boxes, in shares of their larger side, where nothing overlaps enough without one.
        patience: frames for which a person may be out of sight and keep the number.
        confirm: frames in a row in which a new track must be seen before it gets a number; 1 numbers it at once.
    """

    high: float = 0.4
    low: float = 0.1
    match_iou: float = 0.2
    doubtful_iou: float = 0.4
    margin: float = 0.3
    patience: int = 30
    confirm: int = 2

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.high <= 1:
            raise UserError(f"tracking scores must be 0 <= low <= high <= 1, not low {self.low} and high {self.high}")
        if self.margin < 0:
            raise UserError(f"tracking needs a margin of 0 or more, not {self.margin}")
        if self.patience < 0 or self.confirm < 1:
            raise UserError("tracking needs a patience of 0 or more frames, and 1 or more to confirm")


@dataclass(eq=False)
class _Track:
    motion: BoxMotion
    class_id: int
    seen: int = 1
    missed: int = 0
    number: int = 0


class ByteTracker:
    """Numbers the people of one video, frame by frame.

    Args:
        config: see :class:`TrackingConfig`.
    """

    def __init__(self, config: TrackingConfig | None = None) -> None:
        self.config = config or TrackingConfig()
        self._motion = BoxMotion(np.zeros((0, 4), np.float32))
        # Of every track: class, frames in which it was seen, frames since then, number (0 before it has one).
        self._classes, self._seen, self._missed, self._number = (np.zeros(0, np.int64) for _ in range(4))
        self._numbers = 0
        self._frames = 0

    @property
    def count(self) -> int:
        """How many people have been given a number so far."""
        return self._numbers

    def update(self, found: Detections, steps: float = 1.0) -> Detections:
        """Return the detections of this frame that belong to a track, with ``track_ids`` (1, 2, ...), best first.

        Args:
            found: all detections of the frame with a score of at least ``config.low``; boxes that are no numbers, or
                without bounds, are passed over.
            steps: time since the last frame, in frames at 30 per second; taken as 1 where it is no positive number, as
                when a clock goes back.
        """
        config = self.config
        steps = steps if 0 < steps < np.inf else 1.0
        measurable = np.abs(found.xyxy).max(1, initial=0) < _LARGEST
        if not measurable.all():
            found = found[measurable]
        self._frames += 1
        self._motion.predict(steps, self._missed == 0)
        matches = self._match(found)
        tracks, seen = matches.pairs()
        self._motion.update(found.xyxy[seen], tracks)
        self._seen[tracks] += 1
        self._missed += 1
        self._missed[tracks] = 0
        self._give_numbers(tracks[(self._number[tracks] == 0) & (self._seen[tracks] >= config.confirm)])
        track_of = np.full(len(found), -1)
        track_of[seen] = tracks
        fresh = ((track_of < 0) & (found.scores >= config.high)).nonzero()[0]
        track_of[fresh] = len(self._motion) + np.arange(len(fresh))
        self._start(found, fresh)
        known = (track_of >= 0).nonzero()[0]
        ids = self._number[track_of[known]]
        if not ids.all():
            known, ids = known[ids > 0], ids[ids > 0]
        self._forget()
        return Detections(
            found.xyxy[known], found.scores[known], found.class_ids[known], found.image_size, found.class_names, ids
        )

    def _match(self, found: Detections) -> Matches:
        """Find the tracks of the detections, those that are most certain first."""
        config = self.config
        least = config.match_iou
        matches = Matches(self._motion.xyxy, self._classes, found)
        numbered = self._number > 0
        sure = found.scores >= config.high
        settled, fresh = numbered.nonzero()[0], (~numbered).nonzero()[0]
        wanted = sure.nonzero()[0]
        settled, wanted = matches.add(settled, wanted, least)
        fresh, wanted = matches.add(fresh, wanted, least)
        settled, wanted = matches.add(settled, wanted, least, config.margin)
        matches.add(fresh, wanted, least, config.margin)
        doubtful = (~sure & (found.scores >= config.low)).nonzero()[0]
        matches.add(settled[self._missed[settled] == 0], doubtful, config.doubtful_iou)
        return matches

    def _start(self, found: Detections, fresh: NDArray[np.int64]) -> None:
        """Follow these detections too."""
        if not len(fresh):
            return
        count, none = len(self._motion), np.zeros(len(fresh), np.int64)
        self._motion.add(found.xyxy[fresh])
        self._classes = np.concatenate([self._classes, found.class_ids[fresh]])
        self._seen = np.concatenate([self._seen, none + 1])
        self._missed = np.concatenate([self._missed, none])
        self._number = np.concatenate([self._number, none])
        # In the first frame there is nothing to wait for.
        if self.config.confirm == 1 or self._frames == 1:
            self._give_numbers(count + np.arange(len(fresh)))

    def _give_numbers(self, tracks: NDArray[np.int64]) -> None:
        self._number[tracks] = self._numbers + 1 + np.arange(len(tracks))
        self._numbers += len(tracks)

    def _forget(self) -> None:
        """Leave out who is out of sight for too long, and at once whoever never got a number: a false alarm."""
        kept = self._missed <= np.where(self._number > 0, self.config.patience, 0)
        if not kept.all():
            self._motion.keep(kept)
            self._classes, self._seen = self._classes[kept], self._seen[kept]
            self._missed, self._number = self._missed[kept], self._number[kept]

"""Give people numbers that stay, by associating every detection, the doubtful ones too.

ByteTrack (Zhang et al., ECCV 2022, https://arxiv.org/abs/2110.06864): sure detections are matched first; what is then
left of the tracks is matched with the doubtful ones, which are people half hidden more often than false alarms.
Whoever moves most of a width from one frame to the next, as at 3 frames a second, is found by boxes with a margin
around them (C-BIoU, Yang et al., WACV 2023, https://arxiv.org/abs/2211.14317).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from uhd.boxes import iou_matrix
from uhd.detections import Detections
from uhd.errors import UserError
from uhd.runtime.tracking.assignment import assign
from uhd.runtime.tracking.motion import BoxMotion


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
        self._tracks: list[_Track] = []
        self._numbers = 0
        self._frames = 0

    @property
    def count(self) -> int:
        """How many people have been given a number so far."""
        return self._numbers

    def update(self, found: Detections) -> Detections:
        """Return the detections of this frame that belong to a track, with ``track_ids`` (1, 2, ...), best first.

        Args:
            found: all detections of the frame with a score of at least ``config.low``.
        """
        config = self.config
        self._frames += 1
        for track in self._tracks:
            track.motion.predict(size_moves=track.missed == 0)
        ids = np.zeros(len(found), np.int64)
        sure = np.flatnonzero(found.scores >= config.high)
        doubtful = np.flatnonzero((found.scores >= config.low) & (found.scores < config.high))
        settled = [track for track in self._tracks if track.number]
        settled = self._associate(settled, found, sure, ids, config.match_iou)
        fresh = [track for track in self._tracks if not track.number]
        fresh = self._associate(fresh, found, sure[ids[sure] == 0], ids, config.match_iou)
        settled = self._associate(settled, found, sure[ids[sure] == 0], ids, config.match_iou, config.margin)
        # A new track nobody sees again at once was a false alarm.
        unseen = self._associate(fresh, found, sure[ids[sure] == 0], ids, config.match_iou, config.margin)
        settled = self._associate([t for t in settled if t.missed == 0], found, doubtful, ids, config.doubtful_iou) + [
            track for track in settled if track.missed
        ]
        for track in settled:
            track.missed += 1
        gone = {id(track) for track in unseen} | {id(track) for track in settled if track.missed > config.patience}
        self._tracks = [track for track in self._tracks if id(track) not in gone]
        for index in sure[ids[sure] == 0]:
            track = _Track(BoxMotion(found.xyxy[index]), int(found.class_ids[index]))
            self._tracks.append(track)
            ids[index] = -1
            # In the first frame there is nothing to wait for.
            if config.confirm == 1 or self._frames == 1:
                self._number(track)
                ids[index] = track.number
        known = np.flatnonzero(ids > 0)
        return replace(found[known], track_ids=ids[known])

    def _associate(
        self,
        tracks: list[_Track],
        found: Detections,
        wanted: NDArray[np.int64],
        ids: NDArray[np.int64],
        least: float,
        margin: float = 0.0,
    ) -> list[_Track]:
        """Match tracks with the detections ``wanted``, put their numbers into ``ids``, return the tracks left over."""
        if not tracks or not len(wanted):
            return tracks
        expected = np.stack([track.motion.xyxy for track in tracks])
        boxes = found.xyxy[wanted]
        if margin:
            expected, boxes = _widened(expected, margin), _widened(boxes, margin)
        overlap = iou_matrix(expected, boxes, eps=1e-9).astype(np.float64)
        other = np.array([track.class_id for track in tracks])[:, None] != found.class_ids[wanted][None]
        pairs = assign(np.where(other, np.inf, 1 - overlap), 1 - least)
        for row, column in pairs:
            track, index = tracks[row], int(wanted[column])
            track.motion.update(found.xyxy[index])
            track.seen, track.missed = track.seen + 1, 0
            if not track.number and track.seen >= self.config.confirm:
                self._number(track)
            ids[index] = track.number or -1
        matched = set(pairs[:, 0].tolist())
        return [track for row, track in enumerate(tracks) if row not in matched]

    def _number(self, track: _Track) -> None:
        self._numbers += 1
        track.number = self._numbers


def _widened(xyxy: NDArray[np.float32], margin: float) -> NDArray[np.float32]:
    """Return boxes (N, 4) with so many of their larger sides around them."""
    around = margin * (xyxy[:, 2:] - xyxy[:, :2]).max(1, keepdims=True)
    return np.concatenate([xyxy[:, :2] - around, xyxy[:, 2:] + around], axis=1)

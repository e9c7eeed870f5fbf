"""Count tracked people over a line and inside a zone."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from uhd.detections import Detections
from uhd.errors import UserError

PATIENCE = 1000  # frames; longer than any tracker waits for somebody
_SWAY = 0.05  # of a person's height; boxes of somebody who stands still move by less


@dataclass(eq=False)
class LineCounter:
    """Counts who crosses a line with the feet, and goes on for a twentieth of their height.

    Attributes:
        line: (2, 2) start and end, x and y as shares of the frame.
        name: for people.
        forward: how many went from the left of the line, looking from its start to its end, to its right.
        backward: how many went the other way.
        patience: frames after which a number that was not seen is forgotten; the tracker gives none twice.
    """

    line: NDArray[np.float64]
    name: str = "line"
    forward: int = 0
    backward: int = 0
    patience: int = PATIENCE
    _last: dict[int, NDArray[np.float64]] = field(default_factory=dict, repr=False)
    _seen: dict[int, int] = field(default_factory=dict, repr=False)
    _frame: int = field(default=0, repr=False)

    def update(self, found: Detections) -> None:
        """Take in the tracked detections of one frame."""
        self._frame += 1
        size = np.array(found.image_size[::-1], np.float64)
        heights = (found.xyxy[:, 3] - found.xyxy[:, 1]).tolist()
        for (number, foot), height in zip(_feet(found), heights, strict=True):
            self._seen[number] = self._frame
            before = self._last.get(number)
            # Somebody who stands on the line has not crossed it yet, however the box trembles.
            if before is not None and _distance(self.line * size, foot * size) <= _SWAY * height:
                continue
            self._last[number] = foot
            if before is None or not _cross(self.line, before, foot):
                continue
            if _side(self.line, foot) > 0:
                self.forward += 1
            else:
                self.backward += 1
        for number in _gone(self._seen, self._frame - self.patience):
            del self._seen[number], self._last[number]

    def counts(self) -> dict[str, int]:
        """Return the counts so far."""
        return {"forward": self.forward, "backward": self.backward}


@dataclass(eq=False)
class ZoneCounter:
    """Counts who stands in a zone.

    Attributes:
        corners: (N, 2) of a polygon, x and y as shares of the frame.
        name: for people.
        inside: how many are there now.
        visitors: how many different people ever were.
        patience: frames after which a number that was not seen is forgotten; the tracker gives none twice.
    """

    corners: NDArray[np.float64]
    name: str = "zone"
    inside: int = 0
    visitors: int = 0
    patience: int = PATIENCE
    _seen: dict[int, int] = field(default_factory=dict, repr=False)
    _frame: int = field(default=0, repr=False)

    def update(self, found: Detections) -> None:
        """Take in the tracked detections of one frame."""
        self._frame += 1
        self.inside = 0
        for number, foot in _feet(found):
            inside = _within(self.corners, foot)
            self.inside += inside
            self.visitors += inside and number not in self._seen
            # A visitor stays known as long as somebody sees them, in the zone or outside.
            if inside or number in self._seen:
                self._seen[number] = self._frame
        for number in _gone(self._seen, self._frame - self.patience):
            del self._seen[number]

    def counts(self) -> dict[str, int]:
        """Return the counts so far."""
        return {"inside": self.inside, "visitors": self.visitors}


def parse_points(text: str, least: int) -> NDArray[np.float64]:
    """Read points (N, 2) from ``"x,y x,y ..."`` or ``"x,y,x,y,..."``, shares of the frame from 0 to 1.

    Raises:
        UserError: not numbers, not pairs, fewer than ``least`` points, or outside 0 to 1.
    """
    name = f"the {'line' if least == 2 else 'zone'} {text!r}"
    try:
        values = [float(word) for word in text.replace(",", " ").split()]
    except ValueError:
        raise UserError(f"{name}: points are numbers such as 0.1,0.5,0.9,0.5") from None
    if len(values) % 2 or len(values) < 2 * least:
        raise UserError(f"{name} needs at least {least} points, x and y of each, such as 0.1,0.5,0.9,0.5")
    points = np.array(values).reshape(-1, 2)
    if not ((points >= 0) & (points <= 1)).all():
        raise UserError(f"{name}: points are shares of the frame, from 0 to 1, not pixels")
    if (points == points[0]).all():
        raise UserError(f"{name}: all points are the same")
    return points


def _gone(seen: dict[int, int], before: int) -> list[int]:
    """Return the numbers that were last seen before a frame."""
    return [number for number, frame in seen.items() if frame < before]


def _feet(found: Detections) -> list[tuple[int, NDArray[np.float64]]]:
    if found.track_ids is None:
        raise ValueError("counting needs tracked detections")
    height, width = found.image_size
    boxes = found.xyxy.astype(np.float64) / np.array([width, height, width, height])
    feet = np.stack([(boxes[:, 0] + boxes[:, 2]) / 2, boxes[:, 3]], axis=1)
    # Boxes end where the frame does, and so may zones, whose lower and right borders are outside.
    return list(zip(found.track_ids.tolist(), np.minimum(feet, np.nextafter(1, 0)), strict=True))


def _side(line: NDArray[np.float64], point: NDArray[np.float64]) -> float:
    """Positive right of the line as seen on the screen, whose y grows downwards."""
    along, to = line[1] - line[0], point - line[0]
    return float(np.sign(along[0] * to[1] - along[1] * to[0]))


def _distance(line: NDArray[np.float64], point: NDArray[np.float64]) -> float:
    """Return how far a point lies from a line, which goes on beyond its ends."""
    along, to = line[1] - line[0], point - line[0]
    return float(abs(along[0] * to[1] - along[1] * to[0]) / max(float(np.hypot(*along)), 1e-9))


def _cross(line: NDArray[np.float64], before: NDArray[np.float64], after: NDArray[np.float64]) -> bool:
    path = np.stack([before, after])
    return _side(line, before) * _side(line, after) < 0 and _side(path, line[0]) * _side(path, line[1]) <= 0


def _within(corners: NDArray[np.float64], point: NDArray[np.float64]) -> bool:
    """Ray casting: a point is inside when a ray to the right meets the border an odd number of times."""
    start, end = corners, np.roll(corners, -1, axis=0)
    spans = (start[:, 1] > point[1]) != (end[:, 1] > point[1])
    start, end = start[spans], end[spans]
    meets = start[:, 0] + (point[1] - start[:, 1]) * (end[:, 0] - start[:, 0]) / (end[:, 1] - start[:, 1])
    return bool((meets > point[0]).sum() % 2)

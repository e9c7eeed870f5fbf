"""Who is followed and counted through a video, as the flags of ``uhd predict`` say."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from uhd.cli.predict_config import PredictConfig
from uhd.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from uhd.detections import Detections
    from uhd.draw import Outline
    from uhd.runtime.detector import Detector
    from uhd.runtime.tracking.counting import LineCounter, ZoneCounter

_MOST_STEPS = 60.0  # two seconds


@dataclass(eq=False)
class Watch:
    """Who is followed and counted through a video.

    Attributes:
        track: people are numbered.
        patience: frames for which a person may be out of sight.
        lines, zones: points of each, shares of the frame.
    """

    track: bool
    patience: int
    lines: list[NDArray[np.float64]]
    zones: list[NDArray[np.float64]]

    @classmethod
    def of(cls, config: PredictConfig) -> Watch:
        """Read the flags; whoever counts also tracks.

        Raises:
            UserError: the points of a line or zone are wrong.
        """
        if not (config.track or config.count_line or config.count_zone):
            return cls(False, 0, [], [])
        from uhd.runtime.tracking.counting import parse_points

        lines = [parse_points(text, 2) for text in config.count_line]
        for text, points in zip(config.count_line, lines, strict=True):
            if len(points) > 2:
                raise UserError(f"--count-line {text}: a line has two points, x,y,x,y; more make a --count-zone")
        return cls(True, config.track_patience, lines, [parse_points(text, 3) for text in config.count_zone])

    @property
    def wanted(self) -> bool:
        """Whether anybody is followed at all."""
        return self.track


class Follower:
    """Detects, tracks and counts in one video.

    Args:
        watch: what is wanted.
        detector: finds people in a frame.
        config: threshold and suppression.
    """

    def __init__(self, watch: Watch, detector: Detector, config: PredictConfig) -> None:
        from uhd.runtime.tracking.byte_track import ByteTracker, TrackingConfig
        from uhd.runtime.tracking.counting import PATIENCE, LineCounter, ZoneCounter

        high = detector.spec.conf_thresh if config.conf_thresh is None else config.conf_thresh
        low = high / 3
        self.detector, self.config = detector, dataclasses.replace(config, conf_thresh=low, dynamic_threshold=False)
        self.tracker = ByteTracker(TrackingConfig(high, low, patience=watch.patience))
        self._time: float | None = None
        memory = max(PATIENCE, watch.patience + 1)
        lines = [LineCounter(points, f"line {n}", patience=memory) for n, points in enumerate(watch.lines, 1)]
        zones = [ZoneCounter(points, f"zone {n}", patience=memory) for n, points in enumerate(watch.zones, 1)]
        self.counters: list[LineCounter | ZoneCounter] = [*lines, *zones]

    def __call__(self, image: NDArray[np.uint8], time: float | None = None) -> Detections:
        """Return the people of the next frame (H, W, 3) who have a number; ``time`` in seconds since the start."""
        from uhd.cli.predict_config import detect

        found = self.tracker.update(detect(self.detector, image, self.config), self._steps(time))
        for counter in self.counters:
            counter.update(found)
        return found

    def _steps(self, time: float | None) -> float:
        """Return the time since the last frame, in frames at 30 per second."""
        before, self._time = self._time, time
        if before is None or time is None or time <= before:
            return 1.0
        # Nobody goes on straight for longer than that while a stream is away.
        return min(30 * (time - before), _MOST_STEPS)

    def counts(self) -> dict[str, dict[str, int]]:
        """Return the counts so far, by line and zone."""
        return {counter.name: counter.counts() for counter in self.counters}

    def summary(self) -> str:
        """Return tracks and counts as one line."""
        told = "; ".join(
            f"{name}: " + ", ".join(f"{value} {what}" for what, value in values.items())
            for name, values in self.counts().items()
        )
        return f"{self.tracker.count} tracks{f'; {told}' if told else ''}"

    def outlines(self) -> list[Outline]:
        """Return lines and zones with their counts; points are shares of the frame."""
        from uhd.draw import Outline
        from uhd.runtime.tracking.counting import LineCounter

        found = []
        for counter in self.counters:
            is_line = isinstance(counter, LineCounter)
            points = counter.line if isinstance(counter, LineCounter) else counter.corners
            told = ", ".join(f"{what} {value}" for what, value in counter.counts().items())
            found.append(Outline(points, closed=not is_line, text=f"{counter.name}: {told}"))
        return found

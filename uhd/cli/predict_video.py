"""The part of ``uhd predict`` that watches a video, a camera or a stream."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uhd.cli.output import claim

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from uhd.cli.predict_config import PredictConfig
    from uhd.cli.results import Results
    from uhd.detections import Detections
    from uhd.runtime.detector import Detector
    from uhd.runtime.sources import VideoSource
    from uhd.runtime.tracking.counting import LineCounter, ZoneCounter


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

        lines = [parse_points(text, 2)[:2] for text in config.count_line]
        return cls(True, config.track_patience, lines, [parse_points(text, 3) for text in config.count_zone])

    @property
    def wanted(self) -> bool:
        """Whether anybody is followed at all."""
        return self.track


def search_video(
    source: VideoSource,
    detector: Detector,
    config: PredictConfig,
    watch: Watch,
    results: Results,
    inputs: Sequence[Path],
) -> int:
    """Search frame after frame until the source ends, or somebody stops it; returns the number of frames."""
    from uhd.cli.predict_config import detect
    from uhd.draw import draw
    from uhd.runtime.view import open_view

    follow = _Follower(watch, detector, config) if watch.wanted else None
    view = None
    if config.draw:
        record = config.record
        if record is None and not source.live and config.serve is None:
            record = config.output / f"{Path(source.name).stem}.mp4"
        if record is not None:
            claim(record, (".mp4", ".avi"), inputs)
        view = open_view(source.live, source.fps, record, config.serve, config.overwrite)
        print(view.description)
    count = 0
    try:
        for frame in source:
            began = time.perf_counter()
            found = follow(frame.image) if follow is not None else detect(detector, frame.image, config)
            elapsed = (time.perf_counter() - began) * 1000
            count += 1
            extra = {"counts": follow.counts()} if follow is not None and follow.counters else {}
            results.write(found, frame.name, f"{frame.name}.jpg", **extra)
            if view is not None:
                picture = draw(frame.image, found)
                if config.actual_size:
                    picture = _as_seen(picture, detector)
                elif follow is not None:
                    picture = follow.draw(picture)
                view.write(_with_text(picture, f"{elapsed:.2f} ms"))
                if view.wants_quit:
                    break
            if config.max_frames is not None and count >= config.max_frames:
                break
    except KeyboardInterrupt:
        print(f"stopped after {count} frames")
        raise
    finally:
        source.close()
        if view is not None:
            view.close()
        if follow is not None:
            print(follow.summary())
    return count


class _Follower:
    """Detects, tracks and counts in one video."""

    def __init__(self, watch: Watch, detector: Detector, config: PredictConfig) -> None:
        from uhd.runtime.tracking.byte_track import ByteTracker, TrackingConfig
        from uhd.runtime.tracking.counting import LineCounter, ZoneCounter

        high = detector.spec.conf_thresh if config.conf_thresh is None else config.conf_thresh
        low = high / 3
        self.detector, self.config = detector, dataclasses.replace(config, conf_thresh=low, dynamic_threshold=False)
        self.tracker = ByteTracker(TrackingConfig(high, low, patience=watch.patience))
        lines = [LineCounter(points, f"line {n}") for n, points in enumerate(watch.lines, 1)]
        zones = [ZoneCounter(points, f"zone {n}") for n, points in enumerate(watch.zones, 1)]
        self.counters: list[LineCounter | ZoneCounter] = [*lines, *zones]
        self.people: set[int] = set()

    def __call__(self, image: NDArray[np.uint8]) -> Detections:
        from uhd.cli.predict_config import detect

        found = self.tracker.update(detect(self.detector, image, self.config))
        for counter in self.counters:
            counter.update(found)
        if found.track_ids is not None:
            self.people.update(found.track_ids.tolist())
        return found

    def counts(self) -> dict[str, dict[str, int]]:
        return {counter.name: counter.counts() for counter in self.counters}

    def summary(self) -> str:
        told = "; ".join(
            f"{name}: " + ", ".join(f"{value} {what}" for what, value in values.items())
            for name, values in self.counts().items()
        )
        return f"{len(self.people)} tracks{f'; {told}' if told else ''}"

    def draw(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Draw lines, zones and their counts into the picture."""
        import cv2
        import numpy as np

        from uhd.runtime.tracking.counting import LineCounter

        height, width = picture.shape[:2]
        for counter in self.counters:
            points = counter.line if isinstance(counter, LineCounter) else counter.corners
            corners = (points * (width - 1, height - 1)).round().astype(np.int32)
            cv2.polylines(picture, [corners], not isinstance(counter, LineCounter), (255, 255, 0), 2, cv2.LINE_AA)
            left, top = corners[0].tolist()
            told = " ".join(f"{what} {value}" for what, value in counter.counts().items())
            _write(picture, told, (left + 4, max(16, top - 6)))
        return picture


def _as_seen(picture: NDArray[np.uint8], detector: Detector) -> NDArray[np.uint8]:
    """Return the picture at network size, enlarged."""
    import cv2
    import numpy as np

    from uhd.resize import resize_image

    height, width = detector.spec.input_size
    small = resize_image(picture, (height, width), detector.spec.resize_mode)
    factor = max(1, 512 // max(height, width))
    return np.asarray(cv2.resize(small, (width * factor, height * factor), interpolation=cv2.INTER_NEAREST), np.uint8)


def _with_text(picture: NDArray[np.uint8], text: str) -> NDArray[np.uint8]:
    import numpy as np

    picture = np.ascontiguousarray(picture)
    _write(picture, text, (8, 22))
    return picture


def _write(picture: NDArray[np.uint8], text: str, corner: tuple[int, int]) -> None:
    import cv2

    font: Any = cv2.FONT_HERSHEY_SIMPLEX
    cv2.putText(picture, text, corner, font, 0.6, (0, 0, 0), 3, cv2.LINE_AA)
    cv2.putText(picture, text, corner, font, 0.6, (255, 255, 255), 1, cv2.LINE_AA)


__all__ = ["Watch", "search_video"]

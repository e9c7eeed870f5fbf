"""The part of ``uhd predict`` that watches a video, a camera or a stream."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from uhd.cli import predict_config
from uhd.cli.follower import Follower, Watch
from uhd.cli.predict_config import PredictConfig
from uhd.cli.predict_images import stopped

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from uhd.cli.results import Results
    from uhd.detections import Detections
    from uhd.runtime.detector import Detector
    from uhd.runtime.frame import Frame
    from uhd.runtime.mqtt.publisher import MqttPublisher
    from uhd.runtime.sources import VideoSource
    from uhd.runtime.view import View

_LEAST_SIDE = 320  # pixels: text on a smaller frame would hide the people


def search_video(
    source: VideoSource,
    detector: Detector,
    config: PredictConfig,
    watch: Watch,
    results: Results,
    record: Path | None,
    labels: Path | None,
) -> int:
    """Search frame after frame until the source ends, or somebody stops it; returns the number of frames.

    Args:
        source: what is watched; it is closed afterwards.
        detector: finds people in a frame.
        config: the flags.
        watch: who is followed and counted.
        results: where rows go.
        record: video to write, or None.
        labels: the label file of frame 12 is called this and ``_000012.txt``; None writes none.

    Raises:
        UserError: there is nowhere to show the video, it cannot be recorded, or the broker's address is none.
    """
    from uhd.runtime.view import open_view

    publisher = _publisher(config.mqtt, source.name)
    search = _Search(source, detector, config, watch, results, record, labels, publisher)
    view = None
    if config.draw:
        view = open_view(source.live, source.fps, record, config.serve, config.overwrite, source.name)
        results.say(view.description)
    try:
        if view is not None and not source.live and record is None and not view.wait_for_viewer():
            results.say("nobody came to watch; going on")
        search.run(view)
    except KeyboardInterrupt:
        of = f" of {len(source)}" if len(source) else ""
        results.say(f"stopped {stopped(f'{search.count} frames{of}', results)}")
        raise
    finally:
        source.close()
        if view is not None:
            view.close()
        if publisher is not None:
            publisher.close()
            if publisher.problem:
                results.say(publisher.problem)
        results.say(search.summary())
        if view is not None and view.remark:
            results.say(view.remark)
    return search.count


def _publisher(address: str | None, name: str) -> MqttPublisher | None:
    if address is None:
        return None
    from uhd.runtime.mqtt.address import parse_address
    from uhd.runtime.mqtt.publisher import MqttPublisher

    return MqttPublisher(parse_address(address, name), name)


class _Search:
    """One video, frame by frame."""

    def __init__(
        self,
        source: VideoSource,
        detector: Detector,
        config: PredictConfig,
        watch: Watch,
        results: Results,
        record: Path | None,
        labels: Path | None,
        publisher: MqttPublisher | None = None,
    ) -> None:
        self.source, self.detector, self.config, self.results = source, detector, config, results
        self.record, self.labels, self.publisher = record, labels, publisher
        self.follow = Follower(watch, detector, config) if watch.wanted else None
        self.count = self.found = 0
        self.milliseconds = 0.0

    def run(self, view: View | None) -> None:
        """Search until the end, ``--max-frames``, or q in the window."""
        from tqdm import tqdm

        total = len(self.source) or None
        if self.config.max_frames is not None:
            total = min(self.config.max_frames, total or self.config.max_frames)
        for frame in tqdm(self.source, total=total, unit="frame", disable=None, leave=False):
            began = time.perf_counter()
            if self.follow is not None:
                found = self.follow(frame.image, frame.time)
            else:
                found = predict_config.detect(self.detector, frame.image, self.config)
            elapsed = (time.perf_counter() - began) * 1000
            self.count, self.found, self.milliseconds = (
                self.count + 1,
                self.found + len(found),
                elapsed + self.milliseconds,
            )
            self._write(frame, found)
            if view is not None:
                at = frame.time if self.source.live else None
                view.write(self._picture(frame.image, found, elapsed), f"{len(found)} in view, {elapsed:.1f} ms", at)
                if view.wants_quit:
                    break
            if self.config.max_frames is not None and self.count >= self.config.max_frames:
                break

    def summary(self) -> str:
        """Return frames, detections, time and where the recording is, as one line."""
        mean = self.milliseconds / max(1, self.count)
        where = f" -> {self.record}" if self.record is not None and self.config.draw and self.count else ""
        told = f"{self.source.name}: {self.count} frames, {self.found} detections, {mean:.2f} ms per frame{where}"
        if self.source.reconnections:
            told += f"; connected again {self.source.reconnections} times"
        return told if self.follow is None else f"{told}\n{self.follow.summary()}"

    def _write(self, frame: Frame, found: Detections) -> None:
        follow = self.follow
        extra = {"counts": follow.counts()} if follow is not None and follow.counters else {}
        text = None if self.labels is None else self.labels.with_name(f"{self.labels.name}_{frame.index:06d}.txt")
        drawn = self.record if self.config.draw else None
        self.results.write(found, frame.path, frame=frame.index, time=frame.time, drawn=drawn, labels=text, **extra)
        if self.publisher is not None:
            picture = partial(self._picture, frame.image, found)
            self.publisher.tell(found, picture, frame=frame.index, time=frame.time, **extra)

    def _picture(self, image: NDArray[np.uint8], found: Detections, elapsed: float | None = None) -> NDArray[np.uint8]:
        from uhd.cli.pictures import draw_result

        spec = self.detector.spec if self.config.actual_size else None
        outlines = [] if self.follow is None else self.follow.outlines()
        notes = [] if elapsed is None else [f"{elapsed:.2f} ms"]
        return draw_result(image, found, spec, _LEAST_SIDE, notes, outlines)


__all__ = ["Watch", "search_video"]

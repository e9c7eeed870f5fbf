"""Tracking beside lapx and trackers: microseconds of an assignment and of a frame, HOTA and IDF1 of videos.

    python benchmarks/tracking.py [--seconds 40] [--repeats 15] [--seeds 3]
    python benchmarks/tracking.py --photographs KEYPOINTS.json PEOPLE [--model MODEL]

Needs ``pip install lapx trackers trackeval``; what is not installed is left out. People walk to and fro; boxes
are noisy, some are missed, some for most of a second, and some are false alarms. With ``--photographs`` they are people
cut out of the photographs of a COCO file before validation photographs of PEOPLE that show nobody, pass in front of
each other, and are found by a detector in every frame; nothing else is measured then.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from photographed_walk import Studio

import uhd
from uhd.boxes import iou_matrix
from uhd.cli.bench import cpu_name
from uhd.detections import Detections
from uhd.evaluation.tracks.hota import hota
from uhd.evaluation.tracks.identity import idf1
from uhd.evaluation.tracks.overlaps import Overlaps
from uhd.runtime.tracking.assignment import assign
from uhd.runtime.tracking.byte_track import ByteTracker

SIZE = (720, 1280)
_HEIGHTS_FILMED = (280.0, 560.0)  # at 64 pixels 25 to 50: what a network of that input is for
_LEAST_SCORE = 0.1
Video = tuple[list[Detections], list[Detections]]
Source = Callable[[int, float, int], Video]  # people, frames a second, seed -> truth and what is found


def walk(
    people: int, seconds: float, rate: float, seed: int, heights: tuple[float, float] = (100, 250)
) -> tuple[list[Detections], list[Detections]]:
    """Return the truth and what a detector sees of people in a frame of 1280x720, frame by frame."""
    rng = np.random.default_rng(seed)
    height = rng.uniform(*heights, people)
    place = rng.uniform([60, 260], [1220, 700], (people, 2))  # of the feet
    velocity = rng.normal(0, 0.7, (people, 2)) * height[:, None] * [1, 0.2]  # pixels per second
    hidden = np.zeros(people)
    truth, seen = [], []
    for _ in range(int(seconds * rate)):
        velocity += rng.normal(0, 0.3, (people, 2)) * height[:, None] * [1, 0.2] / np.sqrt(rate)
        velocity *= 0.9 ** (1 / rate)
        place += velocity / rate
        velocity[(place < [60, 260]) & (velocity < 0)] *= -1
        velocity[(place > [1220, 700]) & (velocity > 0)] *= -1
        half = 0.2 * height
        boxes = np.stack([place[:, 0] - half, place[:, 1] - height, place[:, 0] + half, place[:, 1]], 1)
        numbers = np.arange(1, people + 1)
        truth.append(_boxes(boxes, np.ones(people), numbers))
        hidden = np.where(rng.random(people) < 0.15 / rate, rng.uniform(0.3, 0.9, people), hidden - 1 / rate)
        there = (hidden <= 0) & (rng.random(people) > 0.05)
        noisy = boxes + rng.normal(0, 0.03, (people, 4)) * height[:, None] * [0.5, 1, 0.5, 1]
        scores = rng.uniform(0.15, 1, people) ** 0.5
        false = rng.random() < 0.1
        corner = rng.uniform([0, 0], [1200, 500])
        extra = np.array([[*corner, corner[0] + 60, corner[1] + 150]])[: int(false)]
        seen.append(_boxes(np.concatenate([noisy[there], extra]), np.append(scores[there], [0.5] * int(false))))
    return truth, seen


def _boxes(xyxy: NDArray[np.float64], scores: NDArray[np.float64], ids: NDArray[np.int64] | None = None) -> Detections:
    order = np.argsort(-scores, kind="stable")
    none = np.zeros(len(scores), np.int64)
    ids = None if ids is None else ids[order]
    return Detections(xyxy[order].astype(np.float32), scores[order].astype(np.float32), none, SIZE, track_ids=ids)


def fastest(ways: dict[str, Callable[[], object]], repeats: int, calls: int) -> dict[str, float]:
    """Return microseconds per call of each way: the best of several turns, which they take one after the other."""
    best = dict.fromkeys(ways, np.inf)
    for _ in range(repeats):
        for name, way in ways.items():
            began = time.perf_counter()
            for _ in range(calls):
                way()
            best[name] = min(best[name], (time.perf_counter() - began) / calls * 1e6)
    return best


def assignments(repeats: int) -> None:
    """Print the time of one assignment."""
    print("\n| assignment | own, µs | lapx, µs |\n|---|--:|--:|")
    lap = importlib.import_module("lap") if importlib.util.find_spec("lap") else None
    for people in (10, 30):
        truth, seen = walk(people, 2, 30, 0)
        gated = 1 - iou_matrix(truth[-2].xyxy, seen[-1].xyxy).astype(np.float64)
        dense = np.random.default_rng(0).random((people, people))
        for name, cost, limit in (
            ("IoU of two frames, gated at 0.2", gated, 0.8),
            ("chance, all pairs", dense, np.inf),
        ):
            ways: dict[str, Callable[[], object]] = {"own": lambda c=cost, m=limit: assign(c, m)}
            if lap is not None:
                ways["lapx"] = lambda c=cost, m=limit: lap.lapjv(c, extend_cost=True, cost_limit=m)
            taken = fastest(ways, repeats, 100)
            print(f"| {people}x{people} {name} | {taken['own']:.1f} | {taken.get('lapx', np.nan):.1f} |")


def follow_own(frames: Sequence[Detections], rate: float) -> list[Detections]:
    """Track a video with this package."""
    tracker = ByteTracker()
    return [tracker.update(frame, 30 / rate) for frame in frames]


def follow_theirs(inputs: Sequence[Any], rate: float, kind: str) -> list[Any]:
    """Track a video with one of the trackers of ``trackers``."""
    tracker = getattr(importlib.import_module("trackers"), kind)(frame_rate=rate)
    return [tracker.update(frame) for frame in inputs]


def quality(kinds: Sequence[str], seeds: int, crowds: Sequence[int], source: Source) -> None:
    """Print HOTA and IDF1 at several frame rates: the mean of several videos, least and most in brackets."""
    print(f"\n{seeds} videos each\n\n| frames/s | people | tracker | HOTA | DetA | AssA | IDF1 | numbers given |")
    print("|--:|--:|---|--:|--:|--:|--:|--:|")
    for rate in (30.0, 10.0, 5.0, 2.0):
        for people in crowds:
            scores: dict[str, list[tuple[float, ...]]] = {}
            for seed in range(1, seeds + 1):
                truth, seen = source(people, rate, seed)
                results = {"own": follow_own(seen, rate)}
                for kind in kinds:
                    theirs = follow_theirs([frame.to_supervision() for frame in seen], rate, kind)
                    results[kind] = [_from_theirs(frame) for frame in theirs]
                for name, tracked in results.items():
                    video = Overlaps.of(truth, tracked)
                    score = hota(video)
                    found = (score.hota, score.detection, score.association, idf1(video), len(video.found_lengths))
                    scores.setdefault(name, []).append(found)
                    _hold_against_trackeval(video, score.hota, idf1(video))
            for name, rows in scores.items():
                table = np.array(rows)
                spread = zip(table.mean(0), table.min(0), table.max(0), strict=True)
                shown = [f"{mean:.3f} ({least:.3f} to {most:.3f})" for mean, least, most in spread]
                print(
                    f"| {rate:g} | {people} | {name} | {' | '.join(shown[:4])} | {table[:, 4].mean():.0f} |", flush=True
                )


def _near_the_ground(frame: Detections) -> Detections:
    """Move people down so that their feet are in the lowest fifth of the frame, in the same order."""
    feet = frame.xyxy[:, 3]
    shift = SIZE[0] * (0.8 + 0.2 * feet / SIZE[0]) - feet
    return replace(frame, xyxy=frame.xyxy + np.stack([0 * shift, shift, 0 * shift, shift], 1).astype(np.float32))


def filmed(studio: Studio, seconds: float, model: Path | None) -> Source:
    """Return a source of videos of photographed people, found by a detector."""
    detector = uhd.load() if model is None else uhd.load(model)

    def source(people: int, rate: float, seed: int) -> Video:
        walked = [_near_the_ground(frame) for frame in walk(people, seconds, rate, seed, _HEIGHTS_FILMED)[0]]
        return studio.film(walked, lambda image: detector(image, _LEAST_SCORE), seed)

    return source


def _from_theirs(frame: Any) -> Detections:
    known = frame.tracker_id >= 0
    return _boxes(frame.xyxy[known].astype(float), frame.confidence[known], frame.tracker_id[known].astype(np.int64))


def _hold_against_trackeval(video: Overlaps, own_hota: float, own_idf1: float) -> None:
    """Stop where trackeval measures anything else."""
    if importlib.util.find_spec("trackeval") is None:
        return
    metrics = importlib.import_module("trackeval").metrics
    data = {
        "num_gt_dets": int(video.truth_lengths.sum()), "num_tracker_dets": int(video.found_lengths.sum()),
        "num_gt_ids": len(video.truth_lengths), "num_tracker_ids": len(video.found_lengths),
        "num_timesteps": len(video.frames),
        "gt_ids": [frame.truth for frame in video.frames], "tracker_ids": [frame.found for frame in video.frames],
        "similarity_scores": [frame.overlap for frame in video.frames],
    }  # fmt: skip
    theirs = metrics.HOTA().eval_sequence(data)["HOTA"].mean()
    np.testing.assert_allclose(own_hota, theirs, atol=1e-9)
    np.testing.assert_allclose(own_idf1, metrics.Identity({"PRINT_CONFIG": False}).eval_sequence(data)["IDF1"])


def frame_times(kinds: Sequence[str], repeats: int) -> None:
    """Print the time of one frame."""
    image = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
    detector = uhd.load() if importlib.util.find_spec("onnxruntime") else None
    print("\n| people | tracker | µs per frame |\n|--:|---|--:|")
    for people in (10, 30):
        _, seen = walk(people, 3, 30, 2)
        inputs = [frame.to_supervision() for frame in seen] if kinds else []
        ways: dict[str, Callable[[], object]] = {"own": lambda s=seen: follow_own(s, 30)}
        for kind in kinds:
            ways[kind] = lambda i=inputs, k=kind: follow_theirs(i, 30, k)
        if detector is not None:
            ways["(the detector, 1280x720)"] = lambda s=seen: [detector(image) for _ in s]
        for name, taken in fastest(ways, repeats, 1).items():
            print(f"| {people} | {name} | {taken / len(seen):.0f} |")


def main() -> None:
    """Parse the command line and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=40, help="length of the drawn videos")
    parser.add_argument("--repeats", type=int, default=15, help="turns of each timing, the best of which counts")
    parser.add_argument("--seeds", type=int, default=3, help="drawn videos, whose figures are averaged")
    parser.add_argument(
        "--photographs", type=Path, nargs=2, metavar=("KEYPOINTS", "PEOPLE"), help="film photographed people"
    )
    parser.add_argument("--model", type=Path, help="that finds them; default: that of the package")
    arguments = parser.parse_args()
    print(f"{cpu_name()}, 1 thread, Python {platform.python_version()}, numpy {np.__version__}")
    kinds = ["SORTTracker", "ByteTrackTracker", "OCSORTTracker", "CBIoUTracker"]
    module = importlib.import_module("trackers") if importlib.util.find_spec("trackers") else None
    kinds = [kind for kind in kinds if module is not None and hasattr(module, kind)]
    if arguments.photographs:
        keypoints, people = arguments.photographs
        studio = Studio.open(keypoints, people, SIZE)
        print(f"{len(studio.cutouts)} people before {len(studio.places)} places")
        quality(kinds, arguments.seeds, (3, 6), filmed(studio, arguments.seconds, arguments.model))
        return
    assignments(arguments.repeats)
    frame_times(kinds, arguments.repeats)
    quality(kinds, arguments.seeds, (5, 10), lambda people, rate, seed: walk(people, arguments.seconds, rate, seed))


if __name__ == "__main__":
    main()

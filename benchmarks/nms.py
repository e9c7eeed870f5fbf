"""Suppression of random boxes against a plain greedy loop in NumPy: ``python benchmarks/nms.py``.

Prints the times of both and their ratio, interleaved, best of several; the ratio is what can be compared between
machines.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from uhd.nms import nms

IOU = 0.5


def loop(boxes: NDArray[np.float32], scores: NDArray[np.float32], iou: float) -> list[int]:
    """Return what the textbook loop keeps: the best box, without all that overlap it, and again."""
    order = np.argsort(-scores, kind="stable")
    x1, y1, x2, y2 = boxes.T
    area = (x2 - x1) * (y2 - y1)
    kept = []
    while len(order):
        best, rest = order[0], order[1:]
        kept.append(int(best))
        width = np.maximum(0, np.minimum(x2[best], x2[rest]) - np.maximum(x1[best], x1[rest]))
        height = np.maximum(0, np.minimum(y2[best], y2[rest]) - np.maximum(y1[best], y1[rest]))
        overlap = width * height
        order = rest[overlap / (area[best] + area[rest] - overlap) < iou]
    return kept


def random_boxes(count: int, largest: float, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return boxes (N, 4) ``xyxy`` of sides up to ``largest`` of the picture, and scores (N,)."""
    rng = np.random.default_rng(seed)
    centre, side = rng.random((count, 2)), rng.uniform(0.01, largest, (count, 2))
    boxes = np.concatenate([centre - side / 2, centre + side / 2], 1).astype(np.float32)
    return boxes, rng.random(count).astype(np.float32)


def seconds(call: Callable[[], object]) -> float:
    """Return how long one call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    print(f"{'boxes':>6} {'largest':>8} {'kept':>6} {'loop ms':>9} {'uhd ms':>8} {'ratio':>6}")
    for count, largest in ((100, 0.3), (300, 0.1), (300, 0.3), (300, 0.5), (2000, 0.3), (10000, 0.14), (10000, 0.3)):
        boxes, scores = random_boxes(count, largest)
        slow, quick = [], []
        for _ in range(repeats if count > 1000 else 20 * repeats):
            slow.append(seconds(lambda b=boxes, s=scores: loop(b, s, IOU)))  # type: ignore[misc]
            quick.append(seconds(lambda b=boxes, s=scores: nms(b, s, IOU)))  # type: ignore[misc]
        times = min(slow) * 1e3, min(quick) * 1e3
        kept = len(nms(boxes, scores, IOU))
        print(f"{count:>6} {largest:>8} {kept:>6} {times[0]:>9.2f} {times[1]:>8.3f} {times[0] / times[1]:>6.1f}")


if __name__ == "__main__":
    main()

"""What every augmentation operation costs: microseconds per sample, beside the sample that is only resized.

    python benchmarks/augmentation.py [--size 64] [--image 480x640] [--mode opencv_inter_nearest] [--repeat 2000]

Every operation runs with probability 1 and its defaults in a pipeline of its own, on noise with four boxes; the cost is
that of the pipeline less that of an empty one. Mosaics and blends include reading the other samples. Times are the
thread's own, so that other programs on the machine count little.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import cv2
import numpy as np
from environment import environment

from uhd.augment.layout import OPERATIONS
from uhd.augment.pipeline import Pipeline
from uhd.resize import parse_size
from uhd.sample import Sample


def main() -> None:
    """Parse the command line, measure, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=parse_size, default=(64, 64), help="network size")
    parser.add_argument("--image", type=parse_size, default=(480, 640), help="size of the photograph")
    parser.add_argument("--mode", default="opencv_inter_nearest", help="resize mode")
    parser.add_argument("--repeat", type=int, default=2000)
    parser.add_argument("--only", nargs="+", default=list(OPERATIONS))
    arguments = parser.parse_args()
    cv2.setNumThreads(0)
    print(environment(1))
    print(f"photograph {arguments.image[0]}x{arguments.image[1]}, network {arguments.size[0]}x{arguments.size[1]}, "
          f"{arguments.mode}; microseconds of CPU time, p50 and p95 of {arguments.repeat}")  # fmt: skip
    rng = np.random.default_rng(0)
    photographs = [noise(arguments.image, rng) for _ in range(8)]
    plain = percentiles(Pipeline([]), photographs, arguments)
    print(f"{'only resized':26s}{plain[0]:8.0f}{plain[1]:8.0f}")
    for name in arguments.only:
        config = {name: 0.01 if name == "RemoveOutliers" else {"prob": 1.0}}
        middle, slow = percentiles(Pipeline.load(config), photographs, arguments)
        print(f"{name:26s}{middle - plain[0]:8.0f}{slow - plain[0]:8.0f}", flush=True)
    middle, slow = percentiles(Pipeline.load(None), photographs, arguments)
    print(f"{'the recipe, whole':26s}{middle:8.0f}{slow:8.0f}")


def noise(size: tuple[int, int], rng: np.random.Generator) -> Sample:
    """Return a photograph of noise with four boxes."""
    boxes = np.sort(rng.random((4, 2, 2)), axis=1).reshape(4, 4).astype(np.float32)
    return Sample(rng.integers(0, 256, (*size, 3), np.uint8), boxes, np.zeros(4, np.int64))


def percentiles(pipeline: Pipeline, photographs: list[Sample], arguments: argparse.Namespace) -> tuple[float, float]:
    """Return p50 and p95 of the time of one sample, in microseconds."""
    draw: Callable[[np.random.Generator], Sample] = lambda rng: photographs[int(rng.integers(len(photographs)))]  # noqa: E731
    rng = np.random.default_rng(1)
    times = np.empty(arguments.repeat)
    for i in range(-50, arguments.repeat):
        sample = photographs[i % len(photographs)]
        began = time.thread_time()
        pipeline(sample, rng, arguments.size, arguments.mode, draw)
        times[i] = time.thread_time() - began
    return float(np.percentile(times, 50)) * 1e6, float(np.percentile(times, 95)) * 1e6


if __name__ == "__main__":
    main()

"""Detectors of other projects beside ours, on the same photographs: AP50 from the photograph and from 64 pixels of it.

    python benchmarks/peers.py --data PEOPLE MODEL [MODEL ...]

MODEL is any file of this package or of a kind in ``uhd/runtime/foreign``. ``64 px`` is the image that our network
sees, point-sampled, handed to the other detector as it is (which enlarges it to its own input). Answers above 0.01,
suppressed at an IoU of 0.5, ignore regions as in ``uhd val``. Times are per image, one thread, with preparation.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from environment import environment
from numpy.typing import NDArray

from uhd.data.config import DataConfig
from uhd.data.open import open_data, read_dataset
from uhd.evaluation.dataset import truths_of
from uhd.evaluation.evaluate import evaluate
from uhd.load import load
from uhd.read import read_image
from uhd.resize import resize_image
from uhd.runtime.foreign import kind_of, open_foreign

Found = tuple[NDArray[np.float32], NDArray[np.float32]]
SIZE, MODE = (64, 64), "opencv_inter_nearest"


def ours(path: Path) -> Callable[[NDArray[np.uint8]], Found]:
    """Return a function from an RGB image to normalised boxes and scores, for a model of this package."""
    detector = load(path)

    def detect(image: NDArray[np.uint8]) -> Found:
        found = detector.predictor.predict([image], conf_thresh=0.001)[0]
        return found.xyxy / np.array([image.shape[1], image.shape[0]] * 2, np.float32), found.scores

    return detect


def main() -> None:
    """Score every model file and print one line each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    options = parser.parse_args()
    print(environment(1))
    data = DataConfig(image_dir=options.data)
    opened = open_data(data)
    dataset = read_dataset(opened.val, data, opened.report, progress=False)
    truths = truths_of(dataset)
    photographs = [read_image(record.image) for record in dataset.records]
    views = {"photograph": photographs, "64 px": [resize_image(image, SIZE, MODE) for image in photographs]}
    print(f"{len(photographs)} images of {options.data}, val\n")
    print("| model | bytes | input | AP50 | < 8 px | 8 to 16 | 16 to 32 | > 32 | ms p50 |")
    print("|---|--:|---|--:|--:|--:|--:|--:|--:|")
    for path in options.models:
        detect = open_foreign(path) if kind_of(path) else ours(path)
        for view, images in views.items():
            found, spent = [], []
            for image in images:
                began = time.perf_counter()
                boxes, scores = detect(image)
                spent.append(time.perf_counter() - began)
                found.append((boxes, scores[:, None]))
            metrics = evaluate(found, truths, network_height=SIZE[0]).metrics
            sizes = [metrics[name] for name in metrics if name.startswith("AP50/")]
            figures = " | ".join(f"{value:.3f}" for value in [metrics["AP50"], *sizes])
            print(f"| {path.name} | {path.stat().st_size} | {view} | {figures} | {np.median(spent) * 1e3:.1f} |")


if __name__ == "__main__":
    main()

"""What tiles bring for small people: AP50 on people below 20 % of the image's height, with and without them.

    python benchmarks/tiles.py --data PEOPLE [--model FILE] [--budgets 1 5 7 9]

PEOPLE holds ``train/`` and ``val/``; the photographs of ``val/`` are cut as they are. A detection of a truth counts by
the truth's height, any other by its own.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from environment import environment

from uhd.data.config import DataConfig
from uhd.data.open import open_data
from uhd.evaluation.average_precision import all_point_ap
from uhd.evaluation.evaluate import THRESHOLDS, height_curve
from uhd.evaluation.matching import match
from uhd.load import load
from uhd.read import read_image
from uhd.runtime.tiles import TiledPredictor, Tiling


def main() -> None:
    """Parse the command line and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--budgets", type=int, nargs="+", default=[1, 5, 7, 9])
    parser.add_argument("--overlap", type=float, default=0.25)
    parser.add_argument("--height", type=float, default=0.2, help="people below this share of the image's height")
    arguments = parser.parse_args()
    print(environment(1))
    records = open_data(DataConfig(image_dir=arguments.data)).val
    images = [read_image(record.image) for record in records]
    truths = [record.objects for record in records]
    small = sum(int((~t.ignored & (t.boxes[:, 3] - t.boxes[:, 1] < arguments.height)).sum()) for t in truths)
    print(f"{len(images)} images, {small} people below {arguments.height:.0%} of the height\n")
    print("| calls | AP50 small | AP50 | ms per image |")
    print("|--:|--:|--:|--:|")
    for budget in arguments.budgets:
        predictor = TiledPredictor(load(arguments.model).predictor, Tiling(budget, arguments.overlap))
        began = time.perf_counter()
        found = []
        for image in images:
            result = predictor.predict([image], 0.001, 0.5)[0]
            limit = np.array([image.shape[1], image.shape[0]] * 2, np.float32)
            found.append((result.xyxy / limit, result.scores, result.class_ids))
        taken = (time.perf_counter() - began) / len(images) * 1000
        matches = match(found, truths, THRESHOLDS)
        scores = []
        for limits in ((0.0, arguments.height), (0.0, np.inf)):
            curve = height_curve(matches, limits)
            scores.append(all_point_ap(curve.precision, curve.recall))
        print(f"| {budget} | {scores[0]:.4f} | {scores[1]:.4f} | {taken:.2f} |", flush=True)


if __name__ == "__main__":
    main()

"""Does a model place its boxes too far to one side? AP50 with every box moved by the same part of a network pixel.

    python benchmarks/box_offset.py --data PEOPLE --models FILE ... [--offsets -0.5 -0.25 0 0.25 0.5]

PEOPLE holds ``train/`` and ``val/``. A model without an offset is best near 0; to the left and up is negative.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from environment import environment

from uhd.data.config import DataConfig
from uhd.data.open import open_data, read_dataset
from uhd.evaluation.dataset import infer_images, truths_of
from uhd.evaluation.evaluate import SIZES, evaluate
from uhd.load import load


def main() -> None:
    """Parse the command line and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--models", nargs="+", required=True, help="files, or names of packaged models")
    parser.add_argument("--offsets", type=float, nargs="+", default=[-0.75, -0.5, -0.375, -0.25, -0.125, 0, 0.25, 0.5])
    arguments = parser.parse_args()
    print(environment(1))
    data = DataConfig(image_dir=arguments.data)
    opened = open_data(data)
    dataset = read_dataset(opened.val, data, opened.report, False)
    columns = ["AP50", "AP", *(f"AP50/{size}" for size in SIZES)]
    print(f"\n| model | offset | {' | '.join(columns)} |\n|---|--:|{'--:|' * len(columns)}")
    for name in arguments.models:
        predictor = load(name).predictor
        (height, width), mode = predictor.spec.input_size, predictor.spec.resize_mode
        found = infer_images(predictor, dataset.network_images((height, width), mode))
        for offset in arguments.offsets:
            move = offset / np.array([width, height, width, height], np.float32)
            moved = [(boxes + move, scores) for boxes, scores in found]
            report = evaluate(moved, truths_of(dataset), network_height=height, suppression=predictor.spec.suppression)
            print(f"| {Path(name).stem} | {offset:+g} | {' | '.join(f'{report.metrics[c]:.3f}' for c in columns)} |")


if __name__ == "__main__":
    main()

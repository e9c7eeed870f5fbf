"""How a model copes with a cheap camera: AP50 under sensor noise, on frames of 640 pixels.

    python benchmarks/camera.py --data PEOPLE [--models A B] [--noise 0 6 12 20]

The photographs of ``val/`` are enlarged to 640 pixels on the long side (cubic), get Gaussian noise of the standard
deviations asked for (in levels of 255, seed 0), and are then reduced by the model's own point sampling, which averages
nothing away. Detections down to a score of 0.001, duplicates dropped at IoU 0.5.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from environment import environment

from uhd.data.config import DataConfig
from uhd.data.open import open_data
from uhd.evaluation.average_precision import all_point_ap
from uhd.evaluation.evaluate import THRESHOLDS, height_curve
from uhd.evaluation.matching import match
from uhd.load import load
from uhd.read import read_image

_LONG_SIDE = 640


def main() -> None:
    """Parse the command line and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--models", type=Path, nargs="+", default=[None], help="default: the one in the package")
    parser.add_argument("--noise", type=float, nargs="+", default=[0, 6, 12, 20])
    arguments = parser.parse_args()
    print(environment(1))
    records = open_data(DataConfig(image_dir=arguments.data)).val
    truths = [record.objects for record in records]
    photographs = [read_image(record.image) for record in records]
    print(f"{len(records)} photographs at {_LONG_SIDE} pixels\n")
    print("| model | " + " | ".join(f"noise {level:g}" for level in arguments.noise) + " |")
    print("|---|" + "--:|" * len(arguments.noise))
    for path in arguments.models:
        predictor = load(path).predictor
        cells = []
        for level in arguments.noise:
            rng = np.random.default_rng(0)
            found = []
            for photograph in photographs:
                factor = _LONG_SIDE / max(photograph.shape[:2])
                frame = cv2.resize(photograph, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
                noisy = np.clip(frame + rng.normal(0, level, frame.shape), 0, 255).round().astype(np.uint8)
                result = predictor.predict([noisy], 0.001, 0.5)[0]
                limit = np.array([noisy.shape[1], noisy.shape[0]] * 2, np.float32)
                found.append((result.xyxy / limit, result.scores, result.class_ids))
            curve = height_curve(match(found, truths, THRESHOLDS), (0.0, np.inf))
            cells.append(f"{all_point_ap(curve.precision, curve.recall):.4f}")
        name = "in the package" if path is None else f"`{path.name}`"
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()

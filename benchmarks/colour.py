"""What a detector of colour pictures sees in their brightness alone, and in their colours alone.

    python benchmarks/colour.py --data PEOPLE [--models package small nano]

PEOPLE holds ``train/`` and ``val/``. Pictures of ``val/`` at network size are shown as they are, gray (the luma of each
pixel in all three channels), and with all pixels of the same luma, 128, which leaves the colours. Nothing is trained
anew, so these are lower ends of what a model made for such pictures could do.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from environment import environment
from numpy.typing import NDArray

from uhd.data.config import DataConfig
from uhd.data.open import open_data, read_dataset
from uhd.evaluation.dataset import infer_images, truths_of
from uhd.evaluation.evaluate import SIZES, evaluate
from uhd.load import load


def shown(images: NDArray[np.uint8], what: str) -> NDArray[np.uint8]:
    """Return RGB images (n, h, w, 3) as they are, ``gray``, or with their ``colours`` alone."""
    if what == "as they are":
        return images
    tall = cv2.cvtColor(images.reshape(-1, images.shape[2], 3), cv2.COLOR_RGB2YUV)
    if what == "gray":
        tall[..., 1:] = 128
    else:
        tall[..., 0] = 128
    return np.asarray(cv2.cvtColor(tall, cv2.COLOR_YUV2RGB), np.uint8).reshape(images.shape)


def main() -> None:
    """Parse the command line and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--models", nargs="+", default=["package", "small", "nano"], help="files, or packaged names")
    arguments = parser.parse_args()
    print(environment(1))
    data = DataConfig(image_dir=arguments.data)
    opened = open_data(data)
    dataset = read_dataset(opened.val, data, opened.report, False)
    columns = ["AP50", "AP", *(f"AP50/{size}" for size in SIZES), "person_accuracy"]
    print(f"\n| model | pictures | {' | '.join(columns)} |\n|---|---|{'--:|' * len(columns)}")
    for name in arguments.models:
        predictor = load(name).predictor
        (height, width), mode = predictor.spec.input_size, predictor.spec.resize_mode
        images = dataset.network_images((height, width), mode)
        for what in ("as they are", "gray", "colours"):
            found = infer_images(predictor, shown(images, what))
            report = evaluate(found, truths_of(dataset), network_height=height, suppression=predictor.spec.suppression)
            print(f"| {Path(name).stem} | {what} | {' | '.join(f'{report.metrics[c]:.3f}' for c in columns)} |")


if __name__ == "__main__":
    main()

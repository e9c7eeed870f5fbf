"""What the anchor assigners and class losses bring: the same network, images and steps with each of them.

    python benchmarks/losses.py --data PEOPLE [--width 16] [--epochs 20] [--seeds 0 1 2] [--only NAME ...]

Everything but the objective is the recipe of ``uhd train``. The original's objective is used with the weights of its
own later recipe (objectness and quality 16, box and class 1). AP50 is that of the final averaged weights on ``val/``;
finished runs are not repeated.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path

import cv2
import torch
from environment import environment
from short_run import folder_name, short_run

_ORIGINAL: dict[str, object] = {
    "objective": "original",
    "iou_loss": "giou",
    "loss_weight_box": 1.0,
    "loss_weight_obj": 16.0,
    "loss_weight_quality": 16.0,
    "loss_weight_cls": 1.0,
}
OBJECTIVES: dict[str, dict[str, object]] = {
    "original, legacy, bce": {**_ORIGINAL, "anchor_assigner": "legacy"},
    "original, simota-legacy, bce": {**_ORIGINAL, "anchor_assigner": "simota-legacy"},
    "original, simota, bce": {**_ORIGINAL, "anchor_assigner": "simota"},
    "original, legacy, vfl-legacy": {**_ORIGINAL, "anchor_assigner": "legacy", "anchor_cls_loss": "vfl-legacy"},
    "original, legacy, vfl": {**_ORIGINAL, "anchor_assigner": "legacy", "anchor_cls_loss": "vfl"},
    "original, simota, vfl": {**_ORIGINAL, "anchor_assigner": "simota", "anchor_cls_loss": "vfl"},
    "aligned, tal, bce (the recipe)": {},
}


def main() -> None:
    """Parse the command line, train, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--only", nargs="+", choices=list(OBJECTIVES), default=list(OBJECTIVES))
    parser.add_argument("--output", type=Path, default=Path("runs/losses"))
    arguments = parser.parse_args()
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    print(environment(1))
    print(f"width {arguments.width}, {arguments.epochs} epochs, seeds {arguments.seeds}")
    for name in arguments.only:
        scores = [
            short_run(
                arguments.output / f"{folder_name(name)}_w{arguments.width}_e{arguments.epochs}_s{seed}",
                arguments.data, arguments.width, arguments.epochs, seed, OBJECTIVES[name],
            )
            for seed in arguments.seeds
        ]  # fmt: skip
        spread = f"(min {min(scores):.4f}, max {max(scores):.4f})"
        print(f"AP50 {statistics.mean(scores):.4f} {spread}  {name}", flush=True)


if __name__ == "__main__":
    main()

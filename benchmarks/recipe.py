"""What each change of the recipe brings: train the same network with one thing taken back at a time.

    python benchmarks/recipe.py --data PEOPLE [--width 16] [--epochs 20] [--seeds 0 1 2] [--only NAME ...]

PEOPLE holds ``train/`` and ``val/``. Every run sees epochs x images views; AP50 is that of the final averaged weights
on ``val/``. Runs go to ``--output`` and finished ones are not repeated.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path

import cv2
import torch
from environment import environment
from short_run import folder_name, short_run

CHANGES: dict[str, dict[str, object]] = {
    "the recipe": {},
    "AdamW at 0.012 instead of Muon": {"optimizer": "adamw", "lr": 0.012},
    "images as in the data (54 % with people) instead of 70 %": {"object_share": None},
    "batch 32 instead of 16": {"batch_size": 32},
    "25 % mosaics instead of 50 %": {"aug_config": Path(__file__).parent / "mosaic25.yaml"},
    "no averaging of weights": {"use_ema": False},
    "the original's objective, legacy assigner": {
        "objective": "original",
        "anchor_assigner": "legacy",
        "loss_weight_box": 1.0,
        "loss_weight_obj": 1.0,
        "loss_weight_cls": 1.0,
    },
}


def main() -> None:
    """Parse the command line, train, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--only", nargs="+", choices=list(CHANGES), default=list(CHANGES))
    parser.add_argument("--output", type=Path, default=Path("runs/recipe"))
    arguments = parser.parse_args()
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    print(environment(1))
    print(f"width {arguments.width}, {arguments.epochs} epochs, seeds {arguments.seeds}")
    for name in arguments.only:
        scores = [
            short_run(
                arguments.output / f"{folder_name(name)}_w{arguments.width}_e{arguments.epochs}_s{seed}",
                arguments.data, arguments.width, arguments.epochs, seed, CHANGES[name],
            )
            for seed in arguments.seeds
        ]  # fmt: skip
        spread = f" (min {min(scores):.4f}, max {max(scores):.4f})" if len(scores) > 1 else ""
        print(f"AP50 {statistics.mean(scores):.4f}{spread}  {name}", flush=True)


if __name__ == "__main__":
    main()

"""What it costs to deploy with another resizing than the model was trained with.

    python benchmarks/resize_study.py --data PEOPLE [--width 16] [--epochs 8] [--modes ...] [--output runs/resize]

Trains one small model for every resize mode, taught by the model in the package so that a few epochs say something
(finished runs are not repeated), and prints what ``uhd data resize`` does:
pixel differences, time, and AP50 on ``val/`` of every model under every mode that feeds as many channels.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import torch
from environment import environment
from short_run import short_run

from uhd.cli.data import main as data_command
from uhd.model_file import model_file
from uhd.resize import RESIZE_MODES


def main() -> None:
    """Parse the command line, train, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--modes", nargs="+", choices=RESIZE_MODES, default=list(RESIZE_MODES))
    parser.add_argument("--output", type=Path, default=Path("runs/resize"))
    arguments = parser.parse_args()
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    print(environment(1))
    print(f"width {arguments.width}, {arguments.epochs} epochs, seed 0, taught")
    models = []
    for mode in arguments.modes:
        folder = arguments.output / f"{mode}_w{arguments.width}_taught_e{arguments.epochs}"
        changes = {"resize_mode": mode, "teacher_ckpt": model_file("small", (".safetensors",))}
        short_run(folder, arguments.data, arguments.width, arguments.epochs, 0, changes, keep_weights=True)
        models.append(str(sorted(folder.glob("last_*.safetensors"))[-1]))
    data_command(["resize", str(arguments.data), "--models", ",".join(models)])


if __name__ == "__main__":
    main()

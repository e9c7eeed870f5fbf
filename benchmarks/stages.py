"""A start on all classes, then people, against people from the beginning: equal views, several seeds.

    uhd data label SOME/train --teacher nanodet.onnx --every-class --complete --high 0.35 --output EVERYTHING
    python benchmarks/stages.py --data MORE --start SOME --everything EVERYTHING [--width 16] [--first 6] [--then 2]
        [--seeds 0 1 2] [--output runs/stages]

``MORE`` and ``SOME`` (which may be the same) hold ``train/`` and ``val/``, both labelled with people; ``EVERYTHING``
holds the photographs of ``SOME/train`` with all classes. A run in stages learns every class for ``--first`` epochs and
goes on with people of ``MORE`` for ``--then``. The other learns people in both parts, from the same photographs, so
that neither the photographs nor the restart of the rates are mistaken for the classes. All with ``--preset whole``;
AP50 is that of the final averaged weights on ``MORE/val``.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from pathlib import Path

import cv2
import torch
from environment import environment
from short_run import short_run

_WHOLE = {"aug_config": Path("whole"), "anchor_assigner": "atss", "iou_loss": "giou", "num_anchors": 4}


def in_stages(arguments: argparse.Namespace, seed: int, start: Path, classes: tuple[int | str, ...]) -> float:
    """Train on some classes of ``start`` first, then on people; returns the AP50 of the end."""
    kind = f"{classes[0]}_w{arguments.width}_e{arguments.first}_s{seed}"
    first, then = arguments.output / f"start_{kind}", arguments.output / f"then_{arguments.then}_after_{kind}"
    changes = _WHOLE | {"classes": classes}
    # Only a data set in one folder is divided by name; every hundredth photograph is enough to follow the start.
    shares = {} if (start / "val").is_dir() else {"train_split": 0.99, "val_split": 0.01}
    short_run(first, start, arguments.width, arguments.first, seed, changes | shares, keep_weights=True)
    weights = sorted(first.glob("last_*.safetensors"))[-1]
    return short_run(
        then, arguments.data, arguments.width, arguments.then, seed, _WHOLE | {"ckpt": weights, "classes": (0,)}
    )


def main() -> None:
    """Parse the command line and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--start", type=Path, required=True)
    parser.add_argument("--everything", type=Path, required=True)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--first", type=int, default=6)
    parser.add_argument("--then", type=int, default=2)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--output", type=Path, default=Path("runs/stages"))
    asked = parser.parse_args()
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    print(environment(1))
    print(f"width {asked.width}, {asked.first} + {asked.then} epochs, seeds {asked.seeds}\n")
    print("| AP50 | each seed | |\n|--:|---|---|")
    ways: dict[str, Callable[[int], float]] = {
        "every class, then people": lambda seed: in_stages(asked, seed, asked.everything, ("all",)),
        "people, then people": lambda seed: in_stages(asked, seed, asked.start, (0,)),
    }
    for name, train in ways.items():
        scores = [train(seed) for seed in asked.seeds]
        print(f"| {statistics.mean(scores):.3f} | {', '.join(f'{each:.3f}' for each in scores)} | {name} |", flush=True)


if __name__ == "__main__":
    main()

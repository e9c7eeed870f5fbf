"""Does a teacher help? The same student, steps and seeds, alone and with each teacher.

    python benchmarks/distillation.py --data PEOPLE [--teacher NAME=FILE ...] [--width 16] [--epochs 20] [--seeds 0 1 2]
        [--only NAME ...] [--cost [--dtype bf16]]

PEOPLE holds ``train/`` and ``val/``. Without ``--teacher`` the model that comes with the package teaches (width 32).
Every term has its default weight. AP50 is that of the final averaged weights on ``val/``. Runs go to ``--output``, and
finished ones are not repeated. ``--cost`` measures the processor time of a training step instead, ``--dtype`` with a
teacher that computes in that type.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from environment import environment
from short_run import folder_name, short_run

import uhd
from uhd.assigners.targets import Targets
from uhd.data.batch import Batch
from uhd.data.config import DataConfig
from uhd.detect.distill import build_distillation
from uhd.detect.teacher import load_teachers
from uhd.losses import build_objective
from uhd.losses.config import LossConfig
from uhd.losses.distillation.config import DistillConfig
from uhd.models import create_model
from uhd.resize import to_network

SHIPPED = Path(uhd.__file__).parent / "weights" / "ultratinyod_w32_64x64.safetensors"


def main() -> None:
    """Parse the command line, train or measure, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--teacher", nargs="+", default=[f"wider={SHIPPED}"], metavar="NAME=FILE")
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--only", nargs="+")
    parser.add_argument("--cost", action="store_true")
    parser.add_argument("--dtype", choices=("float32", "bf16"), default="float32")
    parser.add_argument("--output", type=Path, default=Path("runs/distillation"))
    arguments = parser.parse_args()
    if arguments.data is None and not arguments.cost:
        parser.error("--data PEOPLE is needed")
    teachers: dict[str, Path | None] = {"alone": None}
    teachers |= {name: Path(file) for name, _, file in (each.partition("=") for each in arguments.teacher)}
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    print(environment(1))
    print(f"width {arguments.width}, {arguments.epochs} epochs, seeds {arguments.seeds}")
    for name in arguments.only or teachers:
        if arguments.cost:
            milliseconds = step_cost(teachers[name], arguments.width, arguments.dtype)
            print(f"{milliseconds:6.1f} ms of processor time per step of 16 images  {name}", flush=True)
            continue
        changes = {} if teachers[name] is None else {"teacher_ckpt": teachers[name]}
        scores = [
            short_run(
                arguments.output / f"{folder_name(name)}_w{arguments.width}_e{arguments.epochs}_s{seed}",
                arguments.data, arguments.width, arguments.epochs, seed, changes,
            )
            for seed in arguments.seeds
        ]  # fmt: skip
        each = " ".join(f"{score:.4f}" for score in scores)
        deviation = statistics.stdev(scores) if len(scores) > 1 else 0.0
        print(f"AP50 {statistics.mean(scores):.4f} +- {deviation:.4f}  ({each})  {name}", flush=True)


def step_cost(teacher: Path | None, width: int, dtype: str = "float32", steps: int = 30) -> float:
    """Return the processor time in milliseconds of one step without its optimiser: forward, loss, backward.

    Args:
        teacher: its weights, or None.
        width: of the student.
        dtype: in which the teacher computes.
        steps: the fastest of so many counts.
    """
    torch.manual_seed(0)
    data, config = DataConfig(), DistillConfig(teacher_ckpt=teacher, teacher_dtype=dtype)
    teachers = load_teachers(config, data.img_size, data.resize_mode)
    anchors = create_model(cnn_width=width).anchors if teachers is None else teachers.detector.anchors
    student = create_model(cnn_width=width, anchors=tuple(map(tuple, anchors.tolist()))).train()
    distillation = build_distillation(student, teachers, config, data, 1, torch.device("cpu"))
    objective = build_objective(student, LossConfig())
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (16, *data.img_size, 3), np.uint8)
    boxes = np.tile(np.array([[[0.2, 0.2, 0.5, 0.8], [0.6, 0.3, 0.8, 0.7]]], np.float32), (16, 1, 1))
    sharp = None
    if distillation is not None and distillation.view is not None:
        sharp = rng.integers(0, 256, (16, *distillation.view[0], 3), np.uint8)
    batch = Batch(images, boxes, np.zeros((16, 2), np.int64), np.zeros((16, 1, 4), np.float32), ("",) * 16, sharp)
    targets = Targets.from_batch(batch, torch.device("cpu"))
    tensor = torch.from_numpy(to_network(images, data.resize_mode))
    times = []
    for _ in range(steps):
        began = time.process_time()
        raw = student(tensor)
        total, _ = objective(raw, targets)
        if distillation is not None:
            total = total + distillation(raw, [], batch)[0]
        total.backward()
        times.append(time.process_time() - began)
    return min(times) * 1000


if __name__ == "__main__":
    main()

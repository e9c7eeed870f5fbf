"""How much of the bare network's speed the whole training loop reaches, and what the rest costs.

    python benchmarks/training.py [--data DIR] [--widths 16 32] [--steps 20] [--pairs 5] [--num-workers N]

Without ``--data`` it draws a set of images. Each pair times, one after the other, the bare network (forward, backward,
optimiser on a fixed batch of 64) and the whole loop (loading, augmentation, loss, clipping, EMA) in this process, one
torch thread; batches are made as ``uhd train`` makes them in a long run, in a process where a processor is free, or as
``--num-workers`` says. The median ratio over the pairs is printed, and the median of five evaluations.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from environment import environment

from uhd.assigners.targets import Targets
from uhd.augment.pipeline import Pipeline
from uhd.data.batch import Batch
from uhd.data.config import DataConfig
from uhd.data.dataset import Dataset
from uhd.data.loader import Loader
from uhd.data.loader_processes import loader_processes
from uhd.data.open import open_data, read_dataset
from uhd.detect.task import DetectTask
from uhd.losses.config import LossConfig
from uhd.models.ultratinyod import UltraTinyOD, UltraTinyODConfig
from uhd.training.config import TrainConfig
from uhd.training.kept_memory import kept_memory
from uhd.training.memory import peak_megabytes
from uhd.training.optimiser import build_optimiser
from uhd.training.parameters import group_parameters
from uhd.training.trainer import Trainer

BATCH = 64
LONG = 1_000_000  # images of a run that is worth a process for its batches


def draw_images(folder: Path, count: int, seed: int = 0) -> None:
    """Write noise photographs with coloured rectangles as people."""
    rng = np.random.default_rng(seed)
    (folder / "train").mkdir(parents=True)
    (folder / "val").mkdir()
    for i in range(count + 64):
        place = folder / ("val" if i >= count else "train")
        height, width = rng.integers(120, 257, 2)
        image = cv2.resize(rng.integers(0, 256, (8, 8, 3), np.uint8), (int(width), int(height)))
        rows = []
        for _ in range(int(rng.integers(0, 4))):
            w, h = rng.uniform(0.05, 0.4), rng.uniform(0.1, 0.6)
            x, y = rng.uniform(0, 1 - w), rng.uniform(0, 1 - h)
            corner, far = (int(x * width), int(y * height)), (int((x + w) * width), int((y + h) * height))
            cv2.rectangle(image, corner, far, tuple(int(v) for v in rng.integers(0, 256, 3)), -1)
            rows.append(f"0 {x + w / 2:.5f} {y + h / 2:.5f} {w:.5f} {h:.5f}")
        cv2.imwrite(str(place / f"{i:06d}.jpg"), image)
        (place / f"{i:06d}.txt").write_text("\n".join(rows))


def endless(loader: Loader) -> Iterator[Batch]:
    """Yield the batches of epoch after epoch."""
    for epoch in itertools.count():
        yield from loader.epoch(epoch)


def bare_step(model: UltraTinyOD, optimiser: torch.optim.Optimizer, images: torch.Tensor) -> None:
    """Forward, backward and optimiser step on a fixed batch."""
    loss = model(images).square().mean()
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()


def measure(train: Dataset, val: Dataset, data: DataConfig, width: int, optimizer: str, steps: int, pairs: int) -> None:
    """Print the figures of one width."""
    config = TrainConfig(batch_size=BATCH, optimizer=optimizer)
    # In the order of memory that the training has, too.
    images = torch.rand(BATCH, 3, *data.img_size).contiguous(memory_format=torch.channels_last)
    bare = UltraTinyOD(UltraTinyODConfig(cnn_width=width)).to(memory_format=torch.channels_last)
    bare_optimiser = build_optimiser(group_parameters(bare, bare.answers(), bare.scales()), config)
    model = UltraTinyOD(UltraTinyODConfig(cnn_width=width))
    workers = loader_processes(data.num_workers, LONG, torch.get_num_threads())
    task = DetectTask(model, data, LossConfig(), val, ("person",), 0.3)
    loader = Loader(
        train,
        Pipeline.load(None),
        data.img_size,
        data.resize_mode,
        BATCH,
        num_workers=workers,
        object_share=0.7,
    )
    trainer = Trainer(task, loader, config, Path(tempfile.mkdtemp()), torch.device("cpu"))
    stream = endless(loader)
    bare.train()
    model.train()
    ratios, speeds = [], []
    for _ in range(pairs + 1):
        began = time.perf_counter()
        for _ in range(steps):
            bare_step(bare, bare_optimiser, images)
        middle = time.perf_counter()
        for _ in range(steps):
            trainer.step(next(stream))
        end = time.perf_counter()
        ratios.append((middle - began) / (end - middle))
        speeds.append((steps * BATCH / (middle - began), steps * BATCH / (end - middle)))
    ratios, speeds = ratios[1:], speeds[1:]
    batch = next(stream)
    targets = Targets.from_batch(batch)
    raw = model(images).detach().requires_grad_()
    taken = []
    for _ in range(30):
        began = time.perf_counter()
        task.objective(raw, targets)[0].backward()
        taken.append(time.perf_counter() - began)
    step = BATCH / statistics.median(speed for speed, _ in speeds)
    evaluations = []
    for _ in range(5):
        began = time.perf_counter()
        task.evaluate(trainer.model)
        evaluations.append(time.perf_counter() - began)
    evaluation = statistics.median(evaluations)
    epoch = len(train) / statistics.median(speed for _, speed in speeds)
    loader.close()
    print(
        f"width {width}, {optimizer}, loader processes {workers}: "
        f"bare {statistics.median(s for s, _ in speeds):.0f} img/s, whole loop "
        f"{statistics.median(s for _, s in speeds):.0f} img/s, ratio {statistics.median(ratios):.3f} "
        f"(min {min(ratios):.3f}, max {max(ratios):.3f}); "
        f"loss and assignment {statistics.median(taken) * 1000:.1f} ms = "
        f"{statistics.median(taken) / step:.1%} of the step; evaluating {len(val)} images {evaluation:.2f} s = "
        f"{evaluation / epoch:.1%} of an epoch of {len(train)} images"
    )


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--count", type=int, default=2000, help="images to draw without --data")
    parser.add_argument("--widths", type=int, nargs="+", default=[16, 32])
    parser.add_argument("--optimizer", default=TrainConfig().optimizer, help="of both; default: the recipe's")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--num-workers", type=int, default=DataConfig().num_workers)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    print(environment(1))
    with tempfile.TemporaryDirectory() as folder:
        place = arguments.data or Path(folder) / "drawn"
        if arguments.data is None:
            draw_images(place, arguments.count)
        data = DataConfig(image_dir=place, num_workers=arguments.num_workers)
        opened = open_data(data)
        train = read_dataset(opened.train, data, opened.report, False)
        val = read_dataset(opened.val, data, opened.report, False)
        with kept_memory():  # of both, as the trainer has it
            for width in arguments.widths:
                measure(train, val, data, width, arguments.optimizer, arguments.steps, arguments.pairs)
    print(f"peak memory {peak_megabytes() or 0:.0f} MB with {len(train)} images")


if __name__ == "__main__":
    main()

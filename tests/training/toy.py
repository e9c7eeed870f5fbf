"""A task of one file that has nothing to do with boxes: find the keypoint that a text prompt names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from uhd.training.config import TrainConfig
from uhd.training.distributed import Processes
from uhd.training.parameters import ParameterGroups, group_parameters
from uhd.training.task import Metric
from uhd.training.trainer import Trainer

WORDS = {"head": 0, "hand": 1, "foot": 2}
SIZE = 8


@dataclass(frozen=True)
class PromptBatch:
    """B pictures with a bright spot per word, a word each, and where its spot is: (B, 2), x and y in 0..1."""

    images: NDArray[np.float32]
    words: NDArray[np.int64]
    points: NDArray[np.float32]


class PointFinder(nn.Module):
    """Map images (B, 3, 8, 8) and words (B,) to a point (B, 2). Without batch-norm, so that batches may join."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(len(WORDS), 3)
        self.look = nn.Linear(SIZE * SIZE, 16)
        self.out = nn.Linear(16, 2)
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, images: Tensor, words: Tensor) -> Tensor:
        """Return the points."""
        if self.training:
            self.seen += images.mean()
        chosen = (images.flatten(2) * self.words(words).softmax(1)[:, :, None]).sum(1)
        found: Tensor = self.out(self.look(chosen))
        return found


class PromptBatches:
    """Drawn batches; every process takes its share of the same ones.

    Args:
        batch_size: of one process.
        steps: batches of an epoch.
        processes: this one among several.
        fail_at: batch at which this process has none.
    """

    def __init__(
        self, batch_size: int = 8, steps: int = 4, processes: Processes | None = None, fail_at: int = -1
    ) -> None:
        self.batch_size, self.steps, self.fail_at = batch_size, steps, fail_at
        self.processes, self.wait_seconds = processes or Processes(), 0.0

    def __len__(self) -> int:
        return self.steps

    def epoch(self, epoch: int, start_batch: int = 0) -> Iterator[PromptBatch]:
        """Yield the batches of an epoch."""
        for step in range(start_batch, self.steps):
            if step == self.fail_at:
                raise OSError("a picture cannot be read")
            whole = draw(epoch * self.steps + step, self.batch_size * self.processes.world)
            mine = slice(self.processes.rank, None, self.processes.world)
            yield PromptBatch(whole.images[mine], whole.words[mine], whole.points[mine])

    def close(self) -> None:
        """Nothing is open."""


def draw(seed: int, count: int) -> PromptBatch:
    """Return ``count`` pictures; channel c shows the spot of word c."""
    rng = np.random.default_rng(seed)
    cells = rng.integers(0, SIZE, (count, len(WORDS), 2))
    images = np.zeros((count, len(WORDS), SIZE, SIZE), np.float32)
    for i, spots in enumerate(cells):
        images[i, np.arange(len(WORDS)), spots[:, 1], spots[:, 0]] = 1
    words = rng.integers(0, len(WORDS), count)
    points = (cells[np.arange(count), words] + 0.5) / SIZE
    return PromptBatch(images, words.astype(np.int64), points.astype(np.float32))


class PromptTask:
    """Learns to answer; measured by the mean distance, of which less is better.

    Args:
        bad_at: the loss of this call, counted from 0, is NaN.
    """

    tag, metric, companion = "point", Metric("distance", larger_is_better=False), None

    def __init__(self, bad_at: int = -1) -> None:
        torch.manual_seed(0)
        self.model: nn.Module = PointFinder()
        self.bad_at, self.calls = bad_at, 0

    def parameter_groups(self) -> ParameterGroups:
        """The rows of the embedding and of the answer stand for themselves."""
        assert isinstance(self.model, PointFinder)
        return group_parameters(self.model, [self.model.words, self.model.out])

    def start_epoch(self, epoch: int) -> None:
        """Nothing depends on the epoch."""

    def loss(self, model: nn.Module, batch: PromptBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the mean squared distance."""
        images, words, points = (torch.from_numpy(a) for a in (batch.images, batch.words, batch.points))
        total = (model(images, words) - points).square().sum(1).mean()
        if self.calls == self.bad_at:
            total = total * float("nan")
            with torch.no_grad():
                self.model.get_buffer("seen").fill_(float("nan"))
        self.calls += 1
        return total, {"loss": total.detach()}

    def evaluate(self, model: nn.Module) -> dict[str, float]:
        """Return the mean distance on pictures of its own."""
        held = draw(10**6, 64)
        with torch.no_grad():
            found = model(torch.from_numpy(held.images), torch.from_numpy(held.words)).numpy()
        return {"distance": float(np.linalg.norm(found - held.points, axis=1).mean())}

    def describe(self) -> dict[str, Any]:
        """Return what rebuilds the model."""
        return {"words": list(WORDS)}

    def settings(self) -> Mapping[str, Any]:
        """Return what only resuming needs."""
        return {}


def toy_trainer(folder: Path, epochs: int = 3, **parts: Any) -> Trainer:
    """Return a trainer of the task; ``parts``: task, batches, processes, hooks, or fields of the configuration."""
    processes = parts.pop("processes", Processes())
    task = parts.pop("task", None) or PromptTask()
    batches = parts.pop("batches", None) or PromptBatches(processes=processes)
    hooks = parts.pop("hooks", ())
    known = {"epochs": epochs, "warmup_steps": 2, "tensorboard": False} | parts
    return Trainer(task, batches, TrainConfig(**known), folder, torch.device("cpu"), processes, hooks)

"""Scenes for the assigners: a random head on an 8x8 grid and some people."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch

from uhd.assigners.assignment import Grid, Predictions
from uhd.assigners.targets import Targets
from uhd.models.decode import decode_all

torch.set_num_threads(1)

PRIORS = torch.tensor([[0.03, 0.05], [0.08, 0.18], [0.18, 0.4], [0.42, 0.7]])


def make_targets(images: Sequence[Sequence[Sequence[float]]], labels: Sequence[Sequence[int]] | None = None) -> Targets:
    """Pad lists of ``xyxy`` boxes."""
    most = max([1, *map(len, images)])
    boxes, table = torch.zeros(len(images), most, 4), torch.full((len(images), most), -1)
    for i, people in enumerate(images):
        for j, person in enumerate(people):
            boxes[i, j], table[i, j] = torch.tensor(person), labels[i][j] if labels else 0
    return Targets(boxes, table, torch.zeros(len(images), 0, 4))


def make_predictions(batch: int, seed: int = 0, classes: int = 1, size: int = 8) -> tuple[Predictions, Grid]:
    """Decode random logits."""
    random = torch.Generator().manual_seed(seed)
    raw = torch.randn(batch, len(PRIORS) * 4, size, size, generator=random)
    scores = torch.rand(batch, len(PRIORS) * size * size, classes, generator=random)
    return Predictions(decode_all(raw, PRIORS), scores), Grid(size, size, PRIORS)


@pytest.fixture(scope="session")
def targets_of() -> Callable[..., Targets]:
    """Padded targets from lists of boxes."""
    return make_targets


@pytest.fixture(scope="session")
def random_head() -> Callable[..., tuple[Predictions, Grid]]:
    """Random predictions and their grid."""
    return make_predictions

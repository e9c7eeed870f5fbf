"""One step of several batches is the step of the joined batch: every objective, every head, with a teacher or not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tests.detect.pair import ANCHORS, EVERYTHING, MODE, SIZE, distil, network
from uhd.data.batch import Batch, collate
from uhd.data.config import DataConfig
from uhd.detect.joined import join_batches
from uhd.detect.task import DetectTask
from uhd.losses.config import LossConfig
from uhd.models import create_model
from uhd.sample import Sample
from uhd.training.config import TrainConfig
from uhd.training.distributed import Processes
from uhd.training.step import Stepper

REGION = np.array([[0.6, 0.0, 1.0, 0.3]], np.float32)
PEOPLE = [[0.1, 0.2, 0.5, 0.9], [0.4, 0.3, 0.8, 0.7], [0.6, 0.55, 0.7, 0.8]]
NO_IMAGES: Any = []
# Name -> (network, what differs of the objective, whether somebody teaches).
CASES: dict[str, tuple[dict[str, Any], dict[str, Any], bool]] = {
    "ours": ({}, {}, False),
    "original's": ({}, {"objective": "original", "anchor_assigner": "simota"}, False),
    "hardest negatives": ({}, {"ohem_ratio": 3.0}, False),
    "mean of all cells": ({}, {"anchor_cls_loss": "vfl-legacy"}, False),
    "teacher": ({}, {}, True),
    "one_to_one": ({"head": "one_to_one", "reg_max": 4}, {}, False),
    "centernet": ({"name": "cnn", "cnn_width": 4}, {}, False),
    "transformer": ({"name": "transformer", "num_queries": 5, "d_model": 8, "heads": 2, "layers": 1}, {}, False),
}


def batches() -> list[Batch]:
    """Return three batches of unequally many people, one without any, and one with a region to ignore."""
    rng = np.random.default_rng(0)
    found = []
    for counts in ((2, 0), (0, 0, 0), (1, 3)):
        people = [np.array(PEOPLE[:count], np.float32).reshape(-1, 4) for count in counts]
        images = rng.integers(0, 256, (len(counts), *SIZE, 3), np.uint8)
        samples = [
            Sample(image, boxes, np.zeros(len(boxes), np.int64), REGION[: len(boxes) == 3])
            for image, boxes in zip(images, people, strict=True)
        ]
        found.append(collate(samples))
    return found


def task_of(case: str) -> DetectTask:
    """Return a task whose batch-norm does not see batches."""
    config, objective, taught = CASES[case]
    torch.manual_seed(0)
    plain = {"cnn_width": 4, "anchors": ANCHORS, "num_anchors": len(ANCHORS)}
    model = create_model(**(config if "name" in config else plain | config))
    distillation = distil(model, network(6, seed=1), **EVERYTHING) if taught else None
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    data = DataConfig(img_size=SIZE, resize_mode=MODE)
    task = DetectTask(model, data, LossConfig(**objective), NO_IMAGES, ("person",), 0.3, distillation=distillation)
    if distillation is not None:
        distillation.start_epoch(3)
    return task


@pytest.fixture(autouse=True)
def nothing_to_measure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("uhd.detect.task.Views.read", lambda _self: ([], []))


SLOW = ("hardest negatives", "mean of all cells")


@pytest.mark.parametrize("case", [pytest.param(n, marks=pytest.mark.slow) if n in SLOW else n for n in CASES])
def test_a_window_is_one_batch(case: str) -> None:
    config = TrainConfig(optimizer="sgd", lr=0.1, momentum=0, weight_decay=0, grad_clip_norm=0, use_ema=False)
    changes = []
    window = batches()
    for first, more in ((window[0], window[1:]), (join_batches(window), [])):
        task = task_of(case)
        before = [value.detach().clone() for value in task.model.parameters()]
        assert Stepper(task, config, torch.device("cpu"), Processes()).take(first, 0.1, more)[1] is True
        changes.append([new.detach() - old for new, old in zip(task.model.parameters(), before, strict=True)])
    largest = max(float(change.abs().max()) for change in changes[1])
    assert largest > 1e-4
    for apart, together in zip(*changes, strict=True):
        torch.testing.assert_close(apart, together, rtol=1e-3, atol=1e-5 * largest)


def test_images_of_several_sizes_are_not_joined() -> None:
    window = batches()
    task = task_of("original's")
    assert task.joins(window)
    assert not task_of("ours").joins(window)
    window[1] = collate([Sample(np.zeros((64, 64, 3), np.uint8), np.zeros((0, 4), np.float32), np.zeros(0, np.int64))])
    assert not task.joins(window)

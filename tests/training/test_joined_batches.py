"""Several batches in one step, falling rates, and equal averages of the last weights."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.losses.test_aligned import ANCHORS, random_raw, scene
from tests.training.test_trainer import Recorder
from tests.training.toy import PromptBatch, PromptBatches, PromptTask, draw, toy_trainer
from uhd.assigners.targets import Targets
from uhd.config import preset
from uhd.losses import build_loss
from uhd.losses.config import LossConfig
from uhd.training.config import TrainConfig
from uhd.training.distributed import Processes
from uhd.training.ema import StochasticAverage
from uhd.training.schedule import learning_rate
from uhd.training.step import Stepper
from uhd.training.trainer import Interrupted, windows


class SpotTask(PromptTask):
    """Only pictures of one word count, and the loss is divided by their number."""

    divided_by = "positives"

    def loss(self, model: nn.Module, batch: PromptBatch) -> tuple[Tensor, dict[str, Tensor]]:
        images, words, points = (torch.from_numpy(a) for a in (batch.images, batch.words, batch.points))
        counts = (words == 0).float()
        total = ((model(images, words) - points).square().sum(1) * counts).sum() / counts.sum().clamp(min=1)
        return total, {"loss": total.detach(), "positives": counts.sum()}


def joined(*batches: PromptBatch) -> PromptBatch:
    return PromptBatch(*(np.concatenate([getattr(b, n) for b in batches]) for n in ("images", "words", "points")))


@dataclass(frozen=True)
class OneOfTwo(Processes):
    """This process of two, whose sums over both are known beforehand."""

    world: int = 2
    both: float = 0.0

    def total(self, value: Tensor) -> Tensor:
        return torch.tensor(self.both)

    def all_finite(self, flag: Tensor) -> Tensor:
        return flag

    def wrap(self, model: nn.Module) -> nn.Module:
        return model

    def average(self, parameters: Any) -> None:
        pass


@pytest.mark.parametrize("window", [1, 2])
@pytest.mark.parametrize("task", [PromptTask, SpotTask])
def test_batches_of_several_processes_are_one_batch(task: type[PromptTask], window: int) -> None:
    """Each process takes a step of its own batches; the mean of what both do is the step of all batches together."""
    batches = [draw(seed, 8) for seed in range(2 * window)]
    batches[-1].words[:] = 1  # nothing in it counts: it has been divided by 1, not by 0
    config = TrainConfig(optimizer="sgd", lr=0.1, momentum=0, weight_decay=0, grad_clip_norm=0, use_ema=False)
    counts = float(sum((batch.words == 0).sum() for batch in batches))

    def change(first: PromptBatch, more: list[PromptBatch], processes: Processes) -> list[Tensor]:
        own = task()
        before = [value.detach().clone() for value in own.model.parameters()]
        Stepper(own, config, torch.device("cpu"), processes).take(first, 0.1, more)
        return [after.detach() - was for after, was in zip(own.model.parameters(), before, strict=True)]

    total = counts if task is SpotTask else float(len(batches))
    own = [batches[:window], batches[window:]]
    parts = [change(first, more, OneOfTwo(both=total)) for first, *more in own]
    together = change(joined(*batches), [], Processes())
    for one, other, both in zip(*parts, together, strict=True):
        torch.testing.assert_close((one + other) / 2, both, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("task", [PromptTask, SpotTask])
def test_batches_in_one_step_are_one_batch(task: type[PromptTask]) -> None:
    batches = [draw(seed, 8) for seed in range(3)]
    assert len({int((batch.words == 0).sum()) for batch in batches}) == 3  # unequal numbers of what counts
    config = TrainConfig(optimizer="sgd", lr=0.1, grad_clip_norm=0, use_ema=False)
    weights = []
    for first, more in ((batches[0], batches[1:]), (joined(*batches), [])):
        own = task()
        stepper = Stepper(own, config, torch.device("cpu"), Processes())
        parts, good = stepper.take(first, 0.1, more)
        assert good is True
        weights.append([value.clone() for value in own.model.parameters()])
        if task is SpotTask:
            assert float(parts["positives"]) == pytest.approx(
                sum((b.words == 0).sum() for b in batches) / len([1, *more])
            )
    for a, b in zip(*weights, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-7)


def test_a_bad_batch_leaves_the_whole_window_out() -> None:
    task = PromptTask(bad_at=1)
    stepper = Stepper(task, TrainConfig(optimizer="sgd", use_ema=False), torch.device("cpu"), Processes())
    before = copy.deepcopy(task.model.state_dict())
    assert stepper.take(draw(0, 8), 0.1, [draw(1, 8)])[1] is False
    assert all(torch.equal(value, before[name]) for name, value in task.model.state_dict().items())


def test_our_objective_is_that_of_the_joined_batch() -> None:
    loss, raw = build_loss(preset(LossConfig), ANCHORS, 1, True, "quality_cls"), random_raw(4)
    one, other = scene(2), scene(2, people=((0.1, 0.1, 0.4, 0.9),))
    empty = other.boxes.shape[1]
    boxes, labels = torch.zeros(4, 3, 4), torch.full((4, 3), -1)
    boxes[:2], labels[:2] = one.boxes, one.labels
    boxes[2:, :empty], labels[2:, :empty] = other.boxes, other.labels
    together, parts = loss(raw, Targets(boxes, labels, torch.zeros(4, 0, 4)))
    halves = [loss(raw[:2], one), loss(raw[2:], other)]
    counts = [float(each[1]["positives"]) for each in halves]
    assert counts[0] != counts[1]
    total = sum(each[0] * count for each, count in zip(halves, counts, strict=True)) / sum(counts)
    torch.testing.assert_close(total, together)
    assert float(parts["positives"]) == sum(counts)


def test_runs_stop_between_windows_and_go_on_as_if_they_had_not(tmp_path: Path) -> None:
    flags: dict[str, Any] = {"epochs": 2, "accumulate": 3, "batches": PromptBatches(steps=7)}
    whole = toy_trainer(tmp_path / "whole", **flags)
    whole.fit()
    assert (whole.step_count, whole.steps_per_epoch) == (6, 3)  # 3 + 3 + 1 batches
    broken = toy_trainer(tmp_path / "broken", hooks=[Recorder(2)], **flags)
    with pytest.raises(Interrupted):
        broken.fit()
    assert broken.batch == 6
    again = toy_trainer(tmp_path / "broken", **flags)
    again.restore(broken.state(), tmp_path)
    again.fit()
    for a, b in zip(whole.task.model.parameters(), again.task.model.parameters(), strict=True):
        assert torch.equal(a, b)
    assert [len(window) for window in windows(iter(range(7)), 3)] == [3, 3, 1]


def test_rates_that_fall_at_milestones_or_not_at_all() -> None:
    config = TrainConfig(lr=1.0, epochs=10, warmup_steps=0, lr_schedule="step", milestones=(0.5, 8.0), lr_gamma=0.1)
    rates = [learning_rate(config, step, 4) for step in range(40)]
    assert rates == pytest.approx([1.0] * 20 + [0.1] * 12 + [0.01] * 8)
    per_epoch = TrainConfig(**{**vars(config), "milestones": (0.55,), "schedule": "epoch"})
    assert [learning_rate(per_epoch, step, 4) for step in (21, 23, 24)] == pytest.approx([1.0, 1.0, 0.1])
    constant = TrainConfig(lr=1.0, epochs=10, warmup_steps=4, lr_schedule="constant")
    assert [learning_rate(constant, step, 4) for step in (0, 3, 4, 39)] == [0.25, 1.0, 1.0, 1.0]


def test_equal_averages_begin_late() -> None:
    model = nn.Linear(1, 1, bias=False)
    average, seen = StochasticAverage(model, start=3), []
    for step in range(1, 8):
        with torch.no_grad():
            model.weight.fill_(float(step**2))
        average.update()
        seen.append(float(average.model.weight))
    assert seen[:4] == [1, 4, 9, 16]  # the weights themselves, then the first that counts
    assert seen[4:] == pytest.approx([(16 + 25) / 2, (16 + 25 + 36) / 3, (16 + 25 + 36 + 49) / 4])
    config = TrainConfig(average="swa", swa_share=0.25, epochs=8)
    kept = Stepper(PromptTask(), config, torch.device("cpu"), Processes(), steps_per_epoch=5).ema
    assert isinstance(kept, StochasticAverage)
    assert kept.start == 30

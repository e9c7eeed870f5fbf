"""The trainer knows no detection: a task with a text prompt and keypoints trains, resumes, is saved and stopped."""

from __future__ import annotations

import csv
import math
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.training.toy import PromptBatches, PromptTask, toy_trainer
from uhd.errors import UserError
from uhd.models.weights import read_checkpoint, read_weights
from uhd.training.checkpoint import newest_last
from uhd.training.hooks import Hook
from uhd.training.trainer import Interrupted, Trainer


class Recorder(Hook):
    """Notes what was called, and asks for a stop at a step."""

    def __init__(self, stop_at: int = -1) -> None:
        self.calls: list[str] = []
        self.stop_at = stop_at

    def on_start(self, trainer: Trainer) -> None:
        self.calls.append("start")

    def on_step(self, trainer: Trainer, parts: Mapping[str, Tensor]) -> None:
        assert set(parts) == {"loss"}
        self.calls.append("step")
        if trainer.step_count == self.stop_at:
            trainer.request_stop()

    def on_evaluate(self, trainer: Trainer, metrics: Mapping[str, float], best: bool) -> None:
        self.calls.append(f"evaluate {best}")

    def on_epoch(self, trainer: Trainer, train: Mapping[str, float], val: Mapping[str, float]) -> None:
        self.calls.append(f"epoch {trainer.epoch}")

    def on_checkpoint(self, trainer: Trainer, path: Path, kind: str) -> None:
        assert path.is_file()
        self.calls.append(kind)

    def on_end(self, trainer: Trainer) -> None:
        self.calls.append("end")


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def same(a: Trainer, b: Trainer) -> bool:
    pairs = [(a.task.model.state_dict(), b.task.model.state_dict()), (a.model.state_dict(), b.model.state_dict())]
    return all(torch.equal(x[name], y[name]) for x, y in pairs for name in x)


@pytest.mark.parametrize("optimizer", ["adamw", "sgd", "muon"])
def test_it_learns_and_keeps_the_best(tmp_path: Path, optimizer: str) -> None:
    before = PromptTask()
    rate = 0.3 if optimizer == "sgd" else 0.02
    trainer = toy_trainer(tmp_path, 20, batches=PromptBatches(32, 8), optimizer=optimizer, lr=rate, keep=1)
    metrics = trainer.fit()
    assert metrics["distance"] < 0.8 * before.evaluate(before.model)["distance"]
    distances = [float(row["val/distance"]) for row in rows(tmp_path)]
    assert trainer.best == min(distances)
    assert trainer.best_epoch == 1 + int(np.argmin(distances))
    best = next(tmp_path.glob("best_point_*_score_*.safetensors"))
    assert best.read_bytes() == (tmp_path / "best.safetensors").read_bytes()
    assert read_weights(best)[1]["words"] == ["head", "hand", "foot"]
    assert (tmp_path / "last.pt").read_bytes() == newest_last(tmp_path).read_bytes()


def test_stopped_by_a_hook_and_resumed_exactly(tmp_path: Path) -> None:
    whole = toy_trainer(tmp_path / "whole")
    whole.fit()
    first = toy_trainer(tmp_path / "halves", hooks=[Recorder(stop_at=6)])
    with pytest.raises(Interrupted):
        first.fit()
    second = toy_trainer(tmp_path / "halves")
    last = newest_last(tmp_path / "halves")
    second.restore(read_checkpoint(last), last)
    assert (second.epoch, second.batch) == (1, 2)
    second.fit()
    assert same(whole, second)
    # The interrupted epoch has the mean of all its steps, too.
    assert [r["train/loss"] for r in rows(tmp_path / "whole")] == [r["train/loss"] for r in rows(tmp_path / "halves")]


def test_moments_of_a_run(tmp_path: Path) -> None:
    hook = Recorder()
    toy_trainer(tmp_path, 2, batches=PromptBatches(steps=1), hooks=[hook], eval_interval=2).fit()
    assert hook.calls == ["start", "step", "last", "epoch 1", "step", "best", "evaluate True", "last", "epoch 2", "end"]


def test_saved_every_epoch_whatever_is_evaluated(tmp_path: Path) -> None:
    hook = Recorder(stop_at=6)
    with pytest.raises(Interrupted):
        toy_trainer(tmp_path, 50, eval_interval=50, hooks=[hook]).fit()
    assert hook.calls.count("last") == 2  # the end of an epoch of 4 steps, and the stop
    assert read_checkpoint(newest_last(tmp_path))["epoch"] == 1


def test_saved_within_an_epoch(tmp_path: Path) -> None:
    hook = Recorder()
    toy_trainer(tmp_path, 1, hooks=[hook], save_minutes=1e-9).fit()
    assert hook.calls.count("last") == 5
    hook = Recorder()
    toy_trainer(tmp_path / "never", 1, hooks=[hook], save_minutes=0).fit()
    assert hook.calls.count("last") == 1


@pytest.mark.parametrize("bad_at", [0, 2])
def test_a_step_that_is_left_out_leaves_nothing(tmp_path: Path, bad_at: int) -> None:
    trainer = toy_trainer(tmp_path, 1, task=PromptTask(bad_at))
    trainer.fit()
    assert trainer.bad_steps == 1
    state = [*trainer.task.model.state_dict().values(), *trainer.model.state_dict().values()]
    assert all(bool(torch.isfinite(value).all()) for value in state)
    assert math.isfinite(float(rows(tmp_path)[0]["train/loss"]))
    others = toy_trainer(tmp_path / "others", 1, batches=_Without(bad_at))
    for batch in others.batches.epoch(0):
        others.step(batch)
    # The schedule counts the step, so rates differ a little; what a buffer has seen does not.
    torch.testing.assert_close(trainer.task.model.get_buffer("seen"), others.task.model.get_buffer("seen"))


class _Without(PromptBatches):
    def __init__(self, left_out: int) -> None:
        super().__init__()
        self.left_out = left_out

    def epoch(self, epoch: int, start_batch: int = 0) -> Any:
        """Yield all batches but one."""
        yield from (batch for i, batch in enumerate(super().epoch(epoch, start_batch)) if i != self.left_out)


def test_a_gradient_that_overflows_is_left_out(tmp_path: Path) -> None:
    trainer = toy_trainer(tmp_path, 1)
    before = {name: value.clone() for name, value in trainer.task.model.state_dict().items()}
    trainer.task.model.get_parameter("out.weight").register_hook(lambda grad: grad * float("inf"))
    trainer.step(next(iter(trainer.batches.epoch(0))))
    assert trainer.bad_steps == 1
    assert all(torch.equal(before[name], value) for name, value in trainer.task.model.state_dict().items())


def test_too_many_bad_steps_end_the_run(tmp_path: Path) -> None:
    task = PromptTask()
    torch.nn.init.constant_(task.model.get_parameter("out.weight"), float("nan"))
    with pytest.raises(UserError, match="lower --lr"):
        toy_trainer(tmp_path, 9, task=task).fit()


def test_a_failed_batch_ends_the_run_saved(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="cannot be read"):
        toy_trainer(tmp_path, batches=PromptBatches(fail_at=2)).fit()
    assert read_checkpoint(newest_last(tmp_path))["batch"] == 2


@pytest.mark.parametrize(("size", "steps"), [(16, 2), (4, 8)])
def test_another_batch_size_keeps_the_place(tmp_path: Path, size: int, steps: int) -> None:
    with pytest.raises(Interrupted):
        toy_trainer(tmp_path, 4, hooks=[Recorder(stop_at=6)]).fit()
    trainer = toy_trainer(tmp_path, 4, batches=PromptBatches(size, steps))
    trainer.restore(read_checkpoint(tmp_path / "last.pt"), tmp_path)
    assert trainer.step_count / (4 * steps) == 6 / 16
    assert trainer.batch / steps == 0.5


@pytest.mark.parametrize("ema", [True, False])
def test_an_average_may_come_or_go_at_a_resume(tmp_path: Path, ema: bool) -> None:
    toy_trainer(tmp_path, 1, use_ema=not ema).fit()
    trainer = toy_trainer(tmp_path, 2, use_ema=ema)
    trainer.restore(read_checkpoint(tmp_path / "last.pt"), tmp_path)
    trainer.fit()
    assert (read_checkpoint(tmp_path / "last.pt")["ema"] is not None) == ema


def test_patience_is_of_the_direction_of_the_metric(tmp_path: Path) -> None:
    trainer = toy_trainer(tmp_path, 50, lr=1e-30, muon_lr=1e-30, patience=2)
    trainer.fit()
    assert (trainer.epoch, trainer.best_epoch, trainer.finished) == (3, 1, True)


def test_a_thread_that_is_not_the_main_one(tmp_path: Path) -> None:
    trainer, found = toy_trainer(tmp_path, 1), list[Any]()
    thread = threading.Thread(target=lambda: found.append(trainer.fit()))
    thread.start()
    thread.join()
    assert found == [trainer.metrics]


def test_training_is_imported_without_resource_and_without_detection() -> None:
    code = """
import sys
sys.modules["resource"] = None
import uhd.training.trainer
from uhd.training.memory import peak_megabytes
assert peak_megabytes() is None
assert not [name for name in sys.modules if name.startswith(("uhd.detect.", "uhd.losses", "uhd.data"))]
"""
    subprocess.run([sys.executable, "-c", code], check=True)

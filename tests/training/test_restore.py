"""A resumed run takes what fits, says what does not, and obeys the flags of today."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.training.toy import PromptTask, toy_trainer
from uhd.errors import UserError
from uhd.models.weights import reason_against
from uhd.training.optimiser import load_optimiser
from uhd.training.trainer import Trainer


def stepped(folder: Path, **flags: object) -> Trainer:
    trainer = toy_trainer(folder, **flags)  # type: ignore[arg-type]
    trainer.step(next(iter(trainer.batches.epoch(0))))
    return trainer


@pytest.mark.parametrize(("before", "after"), [("muon", "adamw"), ("adamw", "sgd"), ("sgd", "adamw")])
def test_another_optimiser_starts_afresh(tmp_path: Path, before: str, after: str) -> None:
    state = stepped(tmp_path, optimizer=before).state()
    trainer = toy_trainer(tmp_path, optimizer=after)
    said = trainer.restore(state, tmp_path / "last.pt")
    assert said == f"last.pt: continued with a fresh optimiser: {before} there, {after} here"
    trainer.step(next(iter(trainer.batches.epoch(0, 1))))
    assert trainer.step_count == 2


@pytest.mark.parametrize("optimizer", ["muon", "adamw", "sgd"])
def test_decay_and_rates_are_those_of_today(tmp_path: Path, optimizer: str) -> None:
    state = stepped(tmp_path, optimizer=optimizer, weight_decay=0.5, muon_lr=0.01).state()
    trainer = toy_trainer(tmp_path, optimizer=optimizer, weight_decay=0.1, muon_lr=0.02)
    built = [{k: v for k, v in g.items() if k != "params"} for g in trainer.stepper.optimiser.param_groups]
    assert trainer.restore(state, tmp_path) == ""
    groups = trainer.stepper.optimiser.param_groups
    assert [{k: v for k, v in g.items() if k != "params"} for g in groups] == built
    assert {group["weight_decay"] for group in groups} == {0.1, 0.0}
    assert trainer.stepper.optimiser.state


def test_other_groups_of_parameters_start_afresh(tmp_path: Path) -> None:
    state = stepped(tmp_path, decay_all=True).state()
    said = toy_trainer(tmp_path).restore(state, tmp_path / "last.pt")
    assert said.endswith("fresh optimiser: its groups of parameters differ")
    with pytest.raises(ValueError, match="groups"):
        load_optimiser(toy_trainer(tmp_path).stepper.optimiser, state["optimizer"])


@pytest.mark.parametrize("key", ["metrics", "torch_rng", "scaler", "stale", "optimizer"])
def test_a_part_that_is_missing_is_named(tmp_path: Path, key: str) -> None:
    state = stepped(tmp_path).state()
    del state[key]
    with pytest.raises(UserError, match=f"lacks {key}; start with --ckpt"):
        toy_trainer(tmp_path).restore(state, tmp_path)


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    task = PromptTask()
    torch.nn.init.constant_(task.model.get_parameter("out.weight"), float("nan"))
    state = toy_trainer(tmp_path, task=task).state()
    with pytest.raises(UserError, match=r"last\.pt: out\.weight holds NaN: the run that wrote it diverged"):
        toy_trainer(tmp_path).restore(state, tmp_path / "last.pt")


def test_networks_that_differ_are_told_by_their_settings() -> None:
    error = RuntimeError("size mismatch for\n a.weight")
    there, here = {"cnn_width": 8, "depth": 2}, {"cnn_width": 16, "depth": 2, "new": 1}
    assert reason_against(there, here, error).startswith("another network: cnn_width 8 there, 16 here;")
    assert reason_against(None, here, error) == "another architecture: size mismatch for a.weight"

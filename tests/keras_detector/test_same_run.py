"""A training that Keras computes is the training that torch computes, step by step, up to rounding."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("keras", reason="keras is not installed: pip install '.[keras]'")
import keras

from tests.keras_detector.test_training import LITTLE
from tests.training.test_resume_exactly import arguments, photos
from uhd.cli import main
from uhd.detect import network, task
from uhd.training.trainer import Trainer

__all__ = ["photos"]
STEPS = 20


class _EnoughError(Exception):
    """The steps are taken."""


def run(framework: str, photos: Path, output: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return the loss of every step, and the weights at the start and after ``STEPS`` steps."""
    found: dict[str, Any] = {"losses": []}
    genuine, build, to_network = Trainer.step, network.fresh_network, task.to_network

    def weights(trainer: Trainer) -> torch.Tensor:
        state = trainer.task.model.state_dict().values()
        return torch.cat([each.detach().double().flatten() for each in state if each.is_floating_point()])

    def step(trainer: Trainer, *batches: Any) -> Any:
        found.setdefault("start", weights(trainer))
        parts = genuine(trainer, *batches)
        found["losses"].append(float(parts["loss"]))
        if trainer.step_count == STEPS:
            found["end"] = weights(trainer)
            raise _EnoughError
        return parts

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "step", step)
        patch.setattr(network, "fresh_network", lambda *all_of: build(*all_of).double())
        patch.setattr(task, "to_network", lambda *all_of, **more: to_network(*all_of, **more).astype(np.float64))
        keras.config.set_dtype_policy("float64")
        flags = [*LITTLE, "--eval-interval", "99", "--framework", framework, "--optimizer", "sgd", "--lr", "0.0003"]
        try:
            with pytest.raises(_EnoughError):
                main([*arguments(photos, output / framework, 99), *flags])
        finally:
            keras.config.set_dtype_policy("float32")
    return found


@pytest.mark.slow
def test_the_first_steps_are_those_of_torch(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same weights at the start, the same pictures in the same order: then the same losses and the same weights.

    In double precision, with plain steps, and for as long as rounding stays small: 3e-8 of the way after 20 steps. A
    fresh network multiplies any difference; torch itself, with start weights changed by 1e-9, is 3 % off after 50.
    """
    ours, theirs = (run(each, photos, tmp_path, monkeypatch) for each in ("keras", "torch"))
    assert torch.equal(ours["start"], theirs["start"])
    assert ours["losses"] == pytest.approx(theirs["losses"], rel=1e-4)
    assert theirs["losses"][-1] < 0.9 * theirs["losses"][0]
    assert (ours["end"] - theirs["end"]).norm() <= 1e-4 * (theirs["end"] - theirs["start"]).norm()

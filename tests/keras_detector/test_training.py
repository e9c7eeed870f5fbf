"""The Keras network in the one trainer: torch's numbers, an exact resume, files that hold what was measured."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("keras", reason="keras is not installed: pip install '.[keras]'")
import keras

from tests.keras_detector.test_parity import PLAIN, SMALL
from tests.training.test_resume_exactly import arguments, assert_same, photos, weights
from uhd.cli import main
from uhd.keras_detector.convert import state_dict_of
from uhd.keras_detector.files import open_keras_model
from uhd.keras_detector.network import KerasNetwork
from uhd.models.ultratinyod.network import UltraTinyOD
from uhd.models.weights import read_weights
from uhd.training.trainer import Trainer

__all__ = ["photos"]


@pytest.mark.parametrize(
    ("config", "size"), [(SMALL, (64, 64)), (PLAIN, (48, 64)), (SMALL, (72, 40))], ids=["recipe", "plain", "odd grid"]
)
def test_a_step_is_that_of_the_torch_network(config: Any, size: tuple[int, int]) -> None:
    """Raw map, gradients and batch-norm statistics in training mode, and the raw map in evaluation afterwards."""
    torch.manual_seed(0)
    ours = KerasNetwork(config, size)
    theirs = UltraTinyOD(config)
    theirs.load_state_dict(ours.state_dict())
    images = torch.rand(3, 3, *size)
    for network in (ours, theirs):
        network.train()(images).square().mean().backward()
    for name, parameter in theirs.named_parameters():
        if parameter.grad is not None:
            found = ours.get_parameter(name).grad
            assert found is not None, name
            assert (found - parameter.grad).norm() <= 1e-3 * parameter.grad.norm() + 1e-6, name
    for name, buffer in theirs.named_buffers():
        if not name.endswith("num_batches_tracked"):
            assert torch.allclose(ours.get_buffer(name), buffer, rtol=1e-4, atol=1e-5), name
    averaged = copy.deepcopy(ours).eval()
    with torch.inference_mode():
        assert torch.allclose(averaged(images), theirs.eval()(images), rtol=1e-4, atol=1e-5)


# Nothing that a resume or a file could tell from more of it.
LITTLE = [
    "--num-anchors",
    "2",
    "--eval-interval",
    "2",
    "--no-use-iou-aware-head",
    "--no-utod-large-obj-branch",
    "--img-size",
    "32x32",
]


def run_arguments(photos: Path, output: Path, *more: str) -> list[str]:
    return [*arguments(photos, output, 2), "--framework", "keras", *LITTLE, *more]


@pytest.fixture(scope="module")
def whole(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("keras-run")
    assert main(run_arguments(photos, output)) == 0
    return output / "a"


class Killed(BaseException):
    """What no part of a run catches."""


def test_killed_and_resumed_is_not_killed(
    photos: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    genuine = Trainer.step

    def step(trainer: Trainer, batch: Any) -> Any:
        if trainer.step_count == 8:  # in the second epoch
            raise Killed
        return genuine(trainer, batch)

    monkeypatch.setattr(Trainer, "step", step)
    with pytest.raises(Killed):
        main(run_arguments(photos, tmp_path))
    monkeypatch.undo()
    assert main(["train", "--resume", str(tmp_path / "a")]) == 0
    assert_same(weights(tmp_path / "a"), weights(whole))
    assert (tmp_path / "a" / "last.keras").is_file()


def test_files_hold_what_was_measured(whole: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state, meta = read_weights(whole / "best.safetensors")
    (best,) = (file for file in whole.glob("best_utod_*.keras") if file.samefile(whole / "best.keras"))
    assert best.stem.endswith(f"_map_{meta['metrics']['AP50']:.5f}")
    model, _, card = open_keras_model(best)
    ours = state_dict_of(model)
    for name, tensor in state.items():
        if not name.endswith("num_batches_tracked"):
            assert np.array_equal(ours[name], tensor.numpy()), name
    assert card.metrics["AP50"] == pytest.approx(meta["metrics"]["AP50"])
    assert main(["info", str(best)]) == 0
    told = capsys.readouterr().out
    assert main(["info", str(whole / "best.safetensors")]) == 0
    assert capsys.readouterr().out == told


def test_a_seed_gives_both_frameworks_the_same_start() -> None:
    states = []
    for build in (lambda: KerasNetwork(SMALL, (64, 64)), lambda: UltraTinyOD(SMALL)):
        torch.manual_seed(3)
        states.append(build().state_dict())
    assert_same(*states)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--arch", "cnn"], "Keras has --arch ultratinyod only"),
        (["--qat"], "training for few bits exists in torch only"),
        (["--utod-quant-arch", "2"], "not in Keras"),
        (["--utod-backbone", "efficientnet_lite0"], "--utod-backbone efficientnet_lite0: Keras has own only"),
    ],
)
def test_what_keras_has_not(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    assert main(run_arguments(photos, tmp_path, *words)) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "a").exists()


def test_another_backend_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(Exception, match="set KERAS_BACKEND=torch"):
        KerasNetwork(SMALL, (64, 64))

"""Rounding to the grids of devices: scales in closed form, halves, weights with batch-norm folded in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from torch import nn

from uhd.card import ModelSpec
from uhd.cli import main
from uhd.compress.config import QuantiseConfig
from uhd.compress.fake_quantise import QuantisedConvNormAct, quantise, start_epoch, strip
from uhd.compress.grid import GRIDS
from uhd.compress.int8.weight_range import weight_ranges
from uhd.compress.rounding import power_of_two_scale, round_signed, round_weights
from uhd.export.onnx.export import export_onnx
from uhd.models.ultratinyod import UltraTinyOD, UltraTinyODConfig

torch.set_num_threads(1)
DEVICES = ("esp32s3", "esp32p4", "onnx")


def network() -> UltraTinyOD:
    """A tiny network whose batch-norm is not the identity."""
    torch.manual_seed(0)
    made = UltraTinyOD(UltraTinyODConfig(cnn_width=4, utod_large_obj_depth=1, utod_context_rfb=True)).eval()
    for module in made.modules():
        if isinstance(module, nn.BatchNorm2d):
            for value, low in ((module.weight, 0.5), (module.running_var, 0.2), (module.running_mean, -0.5)):
                nn.init.uniform_(value, low, low + 1)
    return made


@pytest.mark.parametrize(
    ("largest", "bits", "scale"),
    [(127.5, 8, 1), (127.6, 8, 2), (0.9, 8, 2**-7), (1.0, 8, 2**-6), (7.5, 4, 1), (0.0, 8, 2**-26)],
)
def test_the_least_power_of_two_that_holds_all(largest: float, bits: int, scale: float) -> None:
    assert float(power_of_two_scale(torch.tensor(largest), bits)) == scale


def test_weights_in_closed_form() -> None:
    weights = torch.tensor([[1.0, -0.5, 0.26], [0.1, 0.05, -0.1]]).reshape(2, 3, 1, 1)
    scales = {"esp32s3": [0.25, 0.25], "esp32p4": [0.25, 1 / 64], "onnx": [1 / 7, 0.1 / 7]}
    for name, wanted in scales.items():
        steps = round_weights(weights, 4, GRIDS[name]).flatten(1) / torch.tensor(wanted)[:, None]
        torch.testing.assert_close(steps, steps.round(), atol=1e-4, rtol=0)
    # In 8 bits no two weights of a channel may make a processor saturate, as in an int8 ONNX file.
    rows = torch.randn(5, 2, 3, 3, generator=torch.Generator().manual_seed(0))
    steps = round_weights(rows, 8, GRIDS["onnx"]).numpy() / (weight_ranges(rows.numpy(), 0)[:, None, None, None] / 127)
    np.testing.assert_allclose(steps, steps.round(), atol=1e-3)


def test_halves_and_clipped_values() -> None:
    x = torch.tensor([0.5, 1.5, -0.5, 200.0, -200.0], requires_grad=True)
    up, even = (round_signed(x, torch.tensor(1.0), 8, half_up) for half_up in (True, False))
    assert up.tolist() == [1, 2, 0, 127, -128]
    assert even.tolist() == [0, 2, 0, 127, -128]
    up.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [1, 1, 1, 0, 0]


@pytest.mark.parametrize("name", DEVICES)
def test_what_is_exported_lies_on_the_grid(name: str, tmp_path: Path) -> None:
    model, images = quantise(network(), QuantiseConfig(qat=True, qat_backend=name)), torch.rand(4, 3, 64, 64)
    model.train()
    start_epoch(model, 0)
    assert not any(module.training for module in model.modules() if isinstance(module, nn.BatchNorm2d))
    model(images)
    stem = model.backbone.stem
    assert isinstance(stem, QuantisedConvNormAct)
    assert stem.observed is not None
    if GRIDS[name].power_of_two:
        steps = stem(images).detach() / power_of_two_scale(stem.observed.abs().max(), 8)
        assert torch.equal(steps, steps.round())
    export_onnx(model.eval(), tmp_path / "a.onnx", ModelSpec(), form="parts")
    tensors = {each.name: numpy_helper.to_array(each) for each in onnx.load(tmp_path / "a.onnx").graph.initializer}
    dense = [torch.from_numpy(value.copy()) for value in tensors.values() if value.ndim == 4]
    assert len(dense) > 20
    moved = [float((round_weights(value, 8, GRIDS[name]) - value).abs().max() / value.abs().max()) for value in dense]
    # Pairs of weights are chosen after rounding: their range moves by a part of a step.
    assert max(moved) < (1e-5 if GRIDS[name].power_of_two else 0.01)


def test_stripped_it_is_an_ordinary_network() -> None:
    model = strip(quantise(network(), QuantiseConfig(qat=True, qat_backend="esp32s3")))
    assert {type(module) for module in model.modules()} == {type(module) for module in network().modules()}
    assert list(model.state_dict()) == list(network().state_dict())


def test_a_device_needs_a_trained_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", str(tmp_path), "--qat", "--qat-backend", "esp32s3"]) == 2
    assert capsys.readouterr().err == "error: --qat-backend esp32s3 trains a trained model on: give --ckpt\n"

"""Channels leave together, files remember how many are left, and zeros stay zeros."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tests.export.conftest import IOU_AWARE, randomise
from uhd.card import ModelSpec
from uhd.compress.magnitude import keep_zeros, prune_weights
from uhd.compress.prune import keep_gradients, prune_channels
from uhd.compress.prune_config import PruneConfig
from uhd.compress.widths import take_widths, widths_of
from uhd.errors import UserError
from uhd.export.onnx.export import export_onnx
from uhd.models import create_model
from uhd.models.network import DetectorNetwork, maps_of
from uhd.models.profile import profile
from uhd.models.weights import describe, load_model, save_weights

SIZE = (16, 16)
NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    "anchor": ("ultratinyod", {**IOU_AWARE, "utod_context_rfb": True, "utod_sppf_scale": "bn"}),
    "one_to_one": ("ultratinyod", {"head": "one_to_one", "num_classes": 3}),
    "centernet": ("cnn", {"use_skip": True}),
}


def network_of(name: str) -> DetectorNetwork:
    arch, config = NETWORKS[name]
    network = create_model(arch, cnn_width=16, **config)
    randomise(network, np.random.default_rng(0))
    return network


def prune(network: DetectorNetwork, share: float = 0.6, **more: Any) -> None:
    most = share * profile(network, SIZE).macs
    config = PruneConfig(macs=share, **{"importance": "magnitude", "least_share": 0.1, **more})
    prune_channels(network, SIZE, config, lambda narrower: profile(narrower, SIZE).macs <= most)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name == "one_to_one" else pytest.mark.slow) for name in NETWORKS]
)
def test_a_pruned_network_comes_back_from_its_file_and_is_exported(name: str, tmp_path: Path) -> None:
    pytest.importorskip("torch_pruning", reason="pruning needs the extra prune")
    network = network_of(name)
    before, macs = widths_of(network), profile(network, SIZE).macs
    prune(network)
    assert profile(network, SIZE).macs <= 0.6 * macs
    assert network.widths
    answers = {id(layer) for layer in network.answers()}
    for layer, sides in network.widths.items():
        module = network.get_submodule(layer)
        assert all(new % 8 == 0 or new == old for new, old in zip(sides, before[layer], strict=True))
        assert id(module) not in answers or sides[0] == before[layer][0]
        assert not isinstance(module, nn.Conv2d) or module.groups in (1, sides[1])
    file = tmp_path / "narrow.safetensors"
    save_weights(file, network.state_dict(), describe(network, **ModelSpec(SIZE).to_checkpoint()))
    again, _ = load_model(file)
    images = torch.rand(2, 3, *SIZE, generator=torch.Generator().manual_seed(0))
    for one, other in zip(maps_of(network.eval()(images)), maps_of(again(images)), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)
    names = tuple(f"class {i}" for i in range(max(1, network.config.num_classes)))
    export_onnx(again, tmp_path / "narrow.onnx", ModelSpec(SIZE, class_names=names))  # compares itself with torch


def test_channels_that_matter_to_the_loss_stay() -> None:
    pytest.importorskip("torch_pruning", reason="pruning needs the extra prune")
    network = network_of("anchor")
    stem = network.get_submodule("backbone.stem.conv")
    keep_gradients(network, (maps_of(network(torch.rand(1, 3, *SIZE)))[0].square().mean() for _ in range(2)))
    assert isinstance(stem, nn.Conv2d)
    assert stem.weight.grad is not None
    for each in network.parameters():
        assert each.grad is not None
        each.grad.fill_(1e-6)
    loved = stem.weight[3::4].detach().clone()
    stem.weight.grad[3::4] = 1e6
    prune(network, 0.6, importance="gradient")
    left = {tuple(row.flatten().tolist()) for row in stem.weight.detach()}
    assert len(left) < 16
    assert all(tuple(row.flatten().tolist()) in left for row in loved)


def test_a_target_out_of_reach_and_widths_of_another_network_are_refused() -> None:
    network = network_of("anchor")
    with pytest.raises(UserError, match=r"x\.pt: its pruned channels do not fit at backbone\.stem\.conv"):
        take_widths(network, {"backbone.stem.conv": (24, 3)}, "x.pt")
    with pytest.raises(UserError, match="one target"):
        PruneConfig().check()
    with pytest.raises(UserError, match="--macs 50: give a share below 1"):
        PruneConfig(macs=50).check()
    pytest.importorskip("torch_pruning", reason="pruning needs the extra prune")
    with pytest.raises(UserError, match=r"no network that small is left with --least-share 0\.9"):
        prune(network, 0.1, least_share=0.9)


@pytest.mark.parametrize("optimiser", [torch.optim.SGD, torch.optim.AdamW])
def test_zeros_stay(optimiser: Any) -> None:
    layer = nn.Sequential(nn.Conv2d(2, 4, 3), nn.Conv2d(4, 1, 1))
    assert prune_weights(layer, 0.5) == pytest.approx(0.5, abs=0.01)
    zero = [each.weight == 0 for each in layer]
    steps = optimiser(layer.parameters(), lr=0.1)
    keep_zeros(steps, layer)
    for _ in range(2):
        layer(torch.ones(1, 2, 5, 5)).square().sum().backward()
        steps.step()
    assert all(torch.equal(each.weight == 0, was) for each, was in zip(layer, zero, strict=True))


def test_no_more_weights_than_asked_for_become_zero() -> None:
    layers = nn.Sequential(nn.Conv2d(1, 5, 1, bias=False), nn.Conv2d(5, 1, 1, bias=False))
    for each in layers:
        nn.init.constant_(each.weight, 0.5)
    assert prune_weights(layers, 0.0) == 0
    assert prune_weights(layers, 0.1) == pytest.approx(0.1)
    assert prune_weights(layers, 0.8) == pytest.approx(0.8)
    assert prune_weights(layers, 1.0) == 1


@pytest.mark.parametrize("share", [1.5, -0.1, float("nan")])
def test_shares_out_of_range_and_nothing_to_prune_are_refused(share: float) -> None:
    with pytest.raises(ValueError, match="from 0 to 1, not"):
        prune_weights(nn.Conv2d(1, 1, 1), share)
    with pytest.raises(ValueError, match="without convolutions"):
        prune_weights(nn.Linear(2, 2), 0.5)

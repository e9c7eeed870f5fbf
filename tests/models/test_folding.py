"""Batch-norm is folded away in a copy; what it computes is the same."""

from __future__ import annotations

import torch
from torch import nn

from uhd.models.folding import folded
from uhd.models.predictor import TorchPredictor
from uhd.models.ultratinyod import UltraTinyOD, UltraTinyODConfig


def trained() -> UltraTinyOD:
    torch.manual_seed(0)
    network = UltraTinyOD(UltraTinyODConfig(cnn_width=8)).train()
    for _ in range(3):
        network(torch.rand(8, 3, 64, 64))
    return network.eval()


def test_a_folded_copy_answers_alike_and_leaves_the_network_as_it_is() -> None:
    network, images = trained(), torch.rand(2, 3, 64, 64)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    quick = folded(network)
    assert not any(isinstance(each.bn, nn.BatchNorm2d) for each in quick.modules() if hasattr(each, "conv"))
    torch.testing.assert_close(quick(images), network(images), atol=1e-5, rtol=1e-4)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_a_network_that_learns_runs_as_it_is() -> None:
    network, images = trained(), torch.rand(1, 3, 64, 64).numpy()
    predictor = TorchPredictor(network)
    network.train()
    count = network.backbone.stem.bn.num_batches_tracked.clone()
    predictor.infer(images)
    assert network.backbone.stem.bn.num_batches_tracked == count + 1

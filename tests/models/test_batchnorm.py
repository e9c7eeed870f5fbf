"""Folded batch-norm gets statistics again: the function stays, and training begins as that function, too."""

from __future__ import annotations

import torch

from uhd.models.batchnorm import measure_batchnorm
from uhd.models.ultratinyod import UltraTinyOD, UltraTinyODConfig


def _folded() -> UltraTinyOD:
    """Return a network whose batch-norm layers divide by nothing, as those of a rebuilt checkpoint."""
    torch.manual_seed(0)
    network = UltraTinyOD(UltraTinyODConfig(cnn_width=16)).eval()
    for layer in network.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(layer.bias)
            torch.nn.init.constant_(layer.running_var, 1 - layer.eps)
    return network


def test_the_function_stays_and_training_begins_with_it() -> None:
    images = torch.rand(128, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    network = _folded()
    with torch.no_grad():
        before = network(images)
        folded = network.train()(images)
        network = _folded()
        assert measure_batchnorm(network, images) > 20
        assert not network.training
        after, trained = network(images), network.train()(images)
    torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-4 * float(before.abs().max()))
    spread = float(before.std())
    # Of all images at once, the statistics of the batch are those measured.
    assert float((trained - before).abs().mean()) < 0.01 * spread
    assert float((folded - before).abs().mean()) > 0.1 * spread

"""Batch-norm that was folded into the weights, unfolded again, so that training can go on from there."""

from __future__ import annotations

import torch
from torch import Tensor, nn

# A channel that is nearly always the same has next to no variance to divide by.
_LEAST_VARIANCE = 1e-4


@torch.no_grad()
def measure_batchnorm(network: nn.Module, images: Tensor, batch_size: int = 64) -> int:
    """Give every batch-norm the statistics of its input on images; gain and shift leave its output the same.

    A folded one divides by nothing. Trained as it is, it would divide by the deviation of each batch all of a sudden,
    and the network would begin as another one than the file holds.

    Args:
        network: is changed; in evaluation mode it computes what it did before, up to rounding.
        images: (N, C, h, w), as the network takes them.
        batch_size: of one pass.

    Returns:
        How many layers there are.
    """
    layers = {layer: _Moments() for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)}
    hooks = [
        layer.register_forward_pre_hook(lambda _layer, inputs, moments=moments: moments.add(inputs[0]))
        for layer, moments in layers.items()
    ]
    training = network.training
    network.eval()
    try:
        for start in range(0, len(images), batch_size):
            network(images[start : start + batch_size])
    finally:
        for hook in hooks:
            hook.remove()
        network.train(training)
    for layer, moments in layers.items():
        assert layer.running_mean is not None
        assert layer.running_var is not None
        mean, variance = moments.mean_and_variance()
        slope = layer.weight.double() / (layer.running_var.double() + layer.eps).sqrt()
        height = layer.bias - layer.running_mean * slope
        layer.weight.copy_(slope * (variance + layer.eps).sqrt())
        layer.bias.copy_(height + slope * mean)
        layer.running_mean.copy_(mean)
        layer.running_var.copy_(variance)
    return len(layers)


class _Moments:
    """Sum and sum of squares of each channel."""

    def __init__(self) -> None:
        self.count, self.sum, self.squares = 0, torch.zeros(()), torch.zeros(())

    def add(self, maps: Tensor) -> None:
        """Count (N, C, h, w)."""
        wide = maps.detach().double()
        self.sum = self.sum + wide.sum((0, 2, 3))
        self.squares = self.squares + wide.square().sum((0, 2, 3))
        self.count += wide.numel() // wide.shape[1]

    def mean_and_variance(self) -> tuple[Tensor, Tensor]:
        """Return both (C,)."""
        mean = self.sum / self.count
        return mean, (self.squares / self.count - mean.square()).clamp(min=_LEAST_VARIANCE)

"""Unstructured pruning: the smallest weights become 0 and stay 0 (Han et al., "Learning both Weights and Connections
for Efficient Neural Networks", 2015, https://arxiv.org/abs/1506.02626).

The network keeps its shape, and no target of this package skips zeros: the file packs better, nothing runs faster.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

REMARK = (
    "zeros save nothing on these targets: ONNX, LiteRT, C and ESP-DL compute them like any other weight; "
    "--macs removes whole channels"
)


@torch.no_grad()
def prune_weights(network: nn.Module, share: float) -> float:
    """Set the smallest weights of all convolutions together to 0; returns the share of them that is 0 now.

    Args:
        network: is changed.
        share: of the weights, 0 to 1. Of equally small ones the first go, so that no more than this become 0.

    Raises:
        ValueError: another share, or a network without convolutions.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"the share of weights is from 0 to 1, not {share}")
    weights = [layer.weight for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    if not weights:
        raise ValueError("a network without convolutions has no weights to prune")
    sizes = torch.cat([weight.abs().flatten() for weight in weights])
    smallest = torch.zeros(len(sizes), dtype=torch.bool, device=sizes.device)
    smallest[sizes.argsort(stable=True)[: round(share * len(sizes))]] = True
    for weight, mask in zip(weights, torch.split(smallest, [weight.numel() for weight in weights]), strict=True):
        weight.masked_fill_(mask.view(weight.shape), 0.0)
    return float(sum(int((weight == 0).sum()) for weight in weights) / len(sizes))


def keep_zeros(optimiser: torch.optim.Optimizer, network: nn.Module) -> None:
    """Have the optimiser leave the weights of convolutions that are 0 now at 0 after every step."""
    kept = [(each.weight, each.weight != 0) for each in network.modules() if isinstance(each, nn.Conv2d)]

    @torch.no_grad()
    def set_back(*_arguments: Any) -> None:
        for weight, mask in kept:
            weight.mul_(mask)

    optimiser.register_step_post_hook(set_back)

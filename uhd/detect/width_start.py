"""Start a run from a narrower network of the same kind: a wider one that computes the same, and can learn more.

Source: Chen, Goodfellow, Shlens, "Net2Net: Accelerating Learning via Knowledge Transfer", 2016,
https://arxiv.org/abs/1511.05641.
"""

from __future__ import annotations

import torch
from torch import Tensor

from uhd.models.network import DetectorNetwork

State = dict[str, Tensor]
# How unequal the shares of copies are: equal ones would get equal gradients and stay copies for good.
_SPREAD = 0.8


def fit_width(state: State, network: DetectorNetwork, seed: int) -> State:
    """Return the weights widened to an UltraTinyOD's channels; those that fit already are left as they are.

    Every channel is repeated, next to itself, and what reads it takes shares of its copies that add up to what it took
    before. Copies lie side by side, so joined maps stay in order.

    Args:
        state: weights of a network of at most the same width.
        network: the wider one.
        seed: of the shares.
    """
    first = "backbone.stem.conv.weight"
    own = network.state_dict()
    if network.arch != "ultratinyod" or first not in state or len(state[first]) >= len(own[first]):
        return state
    generator = torch.Generator().manual_seed(seed)
    fitted = dict(state)
    for name, wider in own.items():
        given = state.get(name)
        if given is None or given.ndim != wider.ndim or given.ndim == 0:
            continue
        if len(given) != len(wider):
            given = given[_copied(len(given), len(wider))]
        if given.ndim == 4 and given.shape[1] != wider.shape[1]:
            given = _shared(given, wider.shape[1], generator)
        fitted[name] = given
    return fitted


def _copied(narrow: int, wide: int) -> Tensor:
    """Return for every channel (wide,) which one it is a copy of."""
    return (torch.arange(wide) * narrow) // wide


def _shared(filters: Tensor, wide: int, generator: torch.Generator) -> Tensor:
    """Return filters (out, in, k, k) for copied inputs (out, wide, k, k), each copy with its share."""
    copied = _copied(filters.shape[1], wide)
    weight = 1 - _SPREAD / 2 + _SPREAD * torch.rand(filters.shape[0], wide, generator=generator)
    total = torch.zeros(filters.shape[0], filters.shape[1]).index_add_(1, copied, weight)
    return filters[:, copied] * (weight / total[:, copied])[:, :, None, None]

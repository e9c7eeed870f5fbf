"""Start a run from weights for another input: colour, packed YUV, or luma alone."""

from __future__ import annotations

import torch
from torch import Tensor

from uhd.models.network import DetectorNetwork

State = dict[str, Tensor]
_INPUTS = (1, 2, 3)


def fit_channels(state: State, network: DetectorNetwork) -> State:
    """Return the weights with the filters of the first layer for the channels of a network.

    A gray pixel has its luma in each of its colours, so the filters of colours are summed for luma, and what the
    network made of gray pictures it goes on making; the other way round, each colour gets a third. The filters for the
    chroma of packed YUV, whose columns hold U and V by turns, start at 0.

    Args:
        state: weights of the checkpoint.
        network: the new one.
    """
    fitted = dict(state)
    for name, own in network.state_dict().items():
        given = state.get(name)
        if given is None or given.ndim != 4 or own.ndim != 4 or given.shape[1] == own.shape[1]:
            continue
        if given.shape[1] in _INPUTS and own.shape[1] in _INPUTS and given.shape[2:] == own.shape[2:]:
            fitted[name] = _for_channels(given, own.shape[1])
    return fitted


def _for_channels(filters: Tensor, channels: int) -> Tensor:
    # The first of two channels is luma, the second chroma.
    luma = filters[:, :1] if filters.shape[1] == 2 else filters.sum(1, keepdim=True)
    if channels == 2:
        return torch.cat([luma, torch.zeros_like(luma)], 1)
    return luma.repeat(1, channels, 1, 1) / channels

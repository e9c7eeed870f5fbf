"""Channels of a network's layers where they are not those that its configuration says: what pruning leaves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import nn

from uhd.errors import UserError

if TYPE_CHECKING:
    from uhd.models.network import DetectorNetwork

N = TypeVar("N", bound="DetectorNetwork")
Widths = Mapping[str, tuple[int, ...]]
KEY = "widths"  # in the metadata of a checkpoint


def widths_of(network: nn.Module) -> dict[str, tuple[int, ...]]:
    """Return the channels of every layer that has any: (out, in) of a convolution, (channels,) of a norm."""
    found: dict[str, tuple[int, ...]] = {}
    for name, layer in network.named_modules():
        if isinstance(layer, nn.Conv2d):
            found[name] = (layer.out_channels, layer.in_channels)
        elif isinstance(layer, nn.BatchNorm2d):
            found[name] = (layer.num_features,)
    return found


def take_widths(network: N, widths: Widths, where: str) -> N:
    """Give the layers of a fresh network other channels, in place; their weights are empty then. Returns it.

    Args:
        network: as its configuration builds it.
        widths: by the layer's name, see :func:`widths_of`; layers that are not named stay as they are.
        where: the file that says so, named in errors.

    Raises:
        UserError: a layer that the network does not have, or one that would grow.
    """
    own = widths_of(network)
    for name, sides in widths.items():
        if name not in own or len(sides) != len(own[name]) or not all(0 < n <= o for n, o in zip(sides, own[name])):  # noqa: B905
            raise UserError(f"{where}: its pruned channels do not fit at {name}; change nothing of its architecture")
        layer = network.get_submodule(name)
        if isinstance(layer, nn.Conv2d):
            _narrow_convolution(layer, *sides)
        else:
            _narrow_norm(layer, *sides)
    network.widths = dict(widths) or None
    return network


def read_widths(meta: Mapping[str, Any], where: str) -> dict[str, tuple[int, ...]]:
    """Return the widths that a checkpoint records, empty for one that was never pruned.

    Raises:
        UserError: they are malformed.
    """
    table = meta.get(KEY) or {}
    try:
        return {str(name): tuple(int(side) for side in sides) for name, sides in table.items()}
    except (AttributeError, TypeError, ValueError):
        raise UserError(f"{where}: its record of pruned channels cannot be read") from None


def repeat(network: N, meta: Mapping[str, Any], where: str) -> N:
    """Make a fresh network as narrow as its checkpoint says; see :mod:`uhd.models.modify`.

    Raises:
        UserError: what the file ``where`` says does not fit.
    """
    return take_widths(network, read_widths(meta, where), where)


def describe(network: DetectorNetwork) -> dict[str, Any]:
    """Return the widths as metadata; nothing of a network that was never pruned."""
    if network.widths is None:
        return {}
    return {KEY: {name: list(sides) for name, sides in network.widths.items()}}


def _narrow_convolution(layer: nn.Conv2d, out: int, into: int) -> None:
    if layer.groups > 1:  # all convolutions with groups are depthwise
        layer.groups = into
    layer.out_channels, layer.in_channels = out, into
    layer.weight = nn.Parameter(layer.weight.new_empty(out, into // layer.groups, *layer.kernel_size))
    if layer.bias is not None:
        layer.bias = nn.Parameter(layer.bias.new_empty(out))


def _narrow_norm(layer: nn.Module, channels: int) -> None:
    assert isinstance(layer, nn.BatchNorm2d)
    layer.num_features = channels
    for name in ("weight", "bias"):
        setattr(layer, name, nn.Parameter(torch.empty(channels)))
    layer.running_mean, layer.running_var = torch.zeros(channels), torch.ones(channels)

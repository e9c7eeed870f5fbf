"""Structured pruning: whole channels leave a network together with everything that reads or writes them.

Which layers lose a channel together is found by torch-pruning (Fang et al., "DepGraph: Towards Any Structural Pruning",
2023, https://arxiv.org/abs/2301.12900). A channel is worth the sum of abs(weight x gradient) over all its weights
(Molchanov et al., "Importance Estimation for Neural Network Pruning", 2019, https://arxiv.org/abs/1906.10771), with the
root mean square of the gradients of several batches: their mean is about 0 where training has ended.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn

from uhd.compress.prune_config import PruneConfig
from uhd.compress.widths import widths_of
from uhd.errors import UserError, install_hint
from uhd.models.network import DetectorNetwork

_STEPS = 100  # to none of the channels


def prune_channels(
    network: DetectorNetwork,
    size: tuple[int, int],
    config: PruneConfig,
    small_enough: Callable[[DetectorNetwork], bool],
) -> None:
    """Remove channels, the least important of the whole network first, in small steps until a target is reached.

    Args:
        network: on the processor; is changed, and records its widths. The root mean square of the gradients, or
            nothing for ``magnitude``, is in the ``grad`` of its parameters.
        size: (height, width) of its input, normally (64, 64) pixels.
        config: what channels are rounded to, and how they are chosen.
        small_enough: whether the target is reached.

    Raises:
        UserError: torch-pruning is not installed, or the target cannot be reached.
    """
    library, before = _library(), widths_of(network)
    example = torch.zeros(1, int(network.config.in_channels), *size)
    importance = {
        "gradient": lambda: library.importance.GroupTaylorImportance(multivariable=False),
        "magnitude": lambda: library.importance.GroupMagnitudeImportance(p=2),
    }[config.importance]()
    most = 1 - config.least_share
    steps = max(1, round(_STEPS * most))
    with teaching(network), warnings.catch_warnings():
        # It remarks on parameters of no layer, such as the factor on the anchors: none of them has channels.
        warnings.simplefilter("ignore")
        pruner = library.pruner.BasePruner(
            network, example, importance, global_pruning=True, isomorphic=True, pruning_ratio=most,
            max_pruning_ratio=most, iterative_steps=steps, round_to=config.round_to,
            ignored_layers=network.answers(), forward_fn=_forward,
        )  # fmt: skip
        for _ in range(steps):
            if small_enough(network):
                break
            pruner.step()
    if not small_enough(network):
        raise UserError(
            f"no network that small is left with --least-share {config.least_share} of the channels of every layer; "
            "give a larger target, or --least-share 0.1"
        )
    network.zero_grad(set_to_none=True)
    changed = {name: sides for name, sides in widths_of(network).items() if sides != before[name]}
    network.widths = {**(network.widths or {}), **changed} or None


def keep_gradients(network: DetectorNetwork, losses: Iterable[Tensor]) -> None:
    """Leave the root mean square of the gradients of several losses in ``grad``.

    Args:
        network: that the losses are of.
        losses: scalars, each with its graph; the next one is asked for when the last one's is gone.
    """
    squares: dict[nn.Parameter, Tensor] = {}
    count = 0
    for loss in losses:
        network.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        count += 1
        for each in network.parameters():
            if each.grad is not None:
                squares[each] = squares.get(each, torch.zeros_like(each)) + each.grad.square()
    for each in network.parameters():
        each.grad = (squares.get(each, torch.zeros_like(each)) / max(1, count)).sqrt()


@contextmanager
def teaching(network: nn.Module) -> Iterator[None]:
    """Run a network as in training, branches that are left out later included, with the statistics it has."""
    training = network.training
    _as_in_training(network)
    try:
        yield
    finally:
        network.train(training)


def _as_in_training(network: nn.Module) -> None:
    network.train()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()


def _forward(network: nn.Module, images: Tensor) -> Any:
    # The library puts the network in evaluation mode before it follows the channels.
    _as_in_training(network)
    return network(images)


def _library() -> Any:
    try:
        return import_module("torch_pruning")
    except ModuleNotFoundError:
        raise UserError(f"uhd prune needs torch-pruning: {install_hint('prune')}") from None

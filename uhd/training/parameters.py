"""Parameters by what optimisers may do with them; the model says which are which, no name or shape decides."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from torch import nn


@dataclass(frozen=True, eq=False)
class ParameterGroups:
    """The trainable parameters of a model, each in one group.

    Attributes:
        matrices: map one vector to another; an optimiser may make their steps orthogonal. They are decayed.
        weights: are decayed, too, but every row stands for itself: answers, depthwise kernels, embeddings.
        rest: norms, biases and scales, decayed only when everything is.
        order: all of them as the model has them; a checkpoint numbers them so.
    """

    matrices: list[nn.Parameter]
    weights: list[nn.Parameter]
    rest: list[nn.Parameter]
    order: list[nn.Parameter]


def group_parameters(
    model: nn.Module, answers: Iterable[nn.Module] = (), scales: Iterable[nn.Parameter] = ()
) -> ParameterGroups:
    """Sort the trainable parameters of a model, in its order.

    Args:
        model: the network.
        answers: layers whose rows are independent answers, and embeddings: never a matrix.
        scales: parameters that are a matrix by shape and factors by meaning: never decayed.
    """
    rows = {id(parameter) for module in answers for parameter in module.parameters()}
    factors = {id(parameter) for parameter in scales}
    groups = ParameterGroups([], [], [], [])
    for parameter in model.parameters():
        if not parameter.requires_grad:
            continue
        groups.order.append(parameter)
        if parameter.ndim < 2 or id(parameter) in factors:
            groups.rest.append(parameter)
        elif id(parameter) in rows or parameter.shape[1] == 1:  # depthwise kernels mix no channels
            groups.weights.append(parameter)
        else:
            groups.matrices.append(parameter)
    return groups

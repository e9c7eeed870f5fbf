"""Parameters by what optimisers may do with them; the model says which are which, no name or shape decides."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from torch import nn


@dataclass(frozen=True, eq=False)
class ParameterGroups:
    """The trainable parameters of a model, each in one group.

    Attributes:
        matrices: map one vector to another; an optimiser may make their steps orthogonal. They are decayed.
        weights: are decayed, too, but every row stands for itself: answers, depthwise kernels, embeddings.
        rest: norms, biases and scales, decayed only when everything is.
        order: all of them as the model has them; a checkpoint numbers them so.
        rates: factors on the learning rate by ``id`` of a parameter; 1 for all others.
    """

    matrices: list[nn.Parameter]
    weights: list[nn.Parameter]
    rest: list[nn.Parameter]
    order: list[nn.Parameter]
    rates: Mapping[int, float] = field(default_factory=dict)


def group_parameters(
    model: nn.Module,
    answers: Iterable[nn.Module] = (),
    scales: Iterable[nn.Parameter] = (),
    rates: Mapping[nn.Module, float] | None = None,
) -> ParameterGroups:
    """Sort the trainable parameters of a model, in its order.

    Args:
        model: the network.
        answers: layers whose rows are independent answers, and embeddings: never a matrix.
        scales: parameters that are a matrix by shape and factors by meaning: never decayed.
        rates: factors on the learning rate of parts; 0 leaves a part as it is.
    """
    rows = {id(parameter) for module in answers for parameter in module.parameters()}
    factors = {id(parameter) for parameter in scales}
    slower = {id(p): rate for part, rate in (rates or {}).items() for p in part.parameters() if rate != 1}
    groups = ParameterGroups([], [], [], [], slower)
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

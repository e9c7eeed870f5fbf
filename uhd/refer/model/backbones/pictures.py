"""What a backbone is given, and how the first layer of a published one takes it."""

from __future__ import annotations

from torch import Tensor

_LESS, _TIMES = 2.0, 4.0  # a backbone sees 4 * picture - 2, pictures from 0 to 1


def fit_first(weight: Tensor, scale: Tensor | float, offset: Tensor | float) -> tuple[Tensor, Tensor]:
    """Return the weight of a first layer for our pictures, and what it computes less than the published one did.

    Args:
        weight: (O, 3, K, K), of a network that was given scale * picture + offset.
        scale: one number, or (3) of the channels.
        offset: as scale.

    Returns:
        (O, 3, K, K), and (O): it is to be added to what the layer computes.
    """
    missing = (weight.sum((2, 3)) * (scale * _LESS / _TIMES + offset)).sum(1)
    factor = scale[:, None, None] if isinstance(scale, Tensor) else scale
    return weight * factor / _TIMES, missing

"""Rounding to the grids of integer runtimes, in training; gradients ignore it (Jacob et al., 2018).

Paper: https://arxiv.org/abs/1712.05877
"""

from __future__ import annotations

import torch
from torch import Tensor

from uhd.compress.grid import Grid

LEAST_SCALE = 1e-8


def round_weights(weights: Tensor, bits: int, grid: Grid) -> Tensor:
    """Round weights (out, in, k, k) as a runtime stores them; their gradient is unchanged.

    Args:
        weights: of one layer, with batch-norm folded in where the grid wants it.
        bits: of the grid; below 2 the weights are returned as they are.
        grid: whose.
    """
    if bits < 2:
        return weights
    with torch.no_grad():
        exact = weights.detach().float()
        rows = exact.flatten(1) if grid.per_channel else exact.reshape(1, -1)
        # Symmetric on every grid: a weight at -2^(bits-1) would double the scale that an exporter finds for them again.
        high = 2 ** (bits - 1) - 1
        if grid.power_of_two:
            scale = power_of_two_scale(rows.abs().amax(1), bits)
        else:
            size = _pair_range(rows) if grid.paired and bits == 8 else rows.abs().amax(1)
            scale = (size / high).clamp(min=LEAST_SCALE)
        steps = _nearest(rows / scale[:, None], grid.half_up).clamp_(-high, high)
        rounded = (steps * scale[:, None]).reshape(weights.shape).to(weights.dtype)
    through: Tensor = rounded + (weights - weights.detach())
    return through


def round_signed(x: Tensor, scale: Tensor, bits: int, half_up: bool) -> Tensor:
    """Round to ``scale * (-2^(bits-1) .. 2^(bits-1) - 1)``; the gradient passes where nothing is clipped.

    Args:
        x: any shape.
        scale: ().
        bits: of the grid.
        half_up: halves go up, or to even.
    """
    steps = (x.float() / scale).clamp(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    rounded: Tensor = (_nearest(steps.detach(), half_up) + (steps - steps.detach())) * scale
    return rounded


def power_of_two_scale(largest: Tensor, bits: int) -> Tensor:
    """Return the least power of two with which values of a size fit, as esp-ppq chooses it; any shape.

    Args:
        largest: greatest absolute values, of any shape.
        bits: of the grid.
    """
    exact = (2 * largest.float() / (2**bits - 1)).clamp(min=LEAST_SCALE)
    mantissa, exponent = torch.frexp(exact)  # mantissa in [0.5, 1); logarithms would not be exact
    return torch.ldexp(torch.ones_like(exact), exponent - (mantissa == 0.5).to(exponent.dtype))


def _nearest(x: Tensor, half_up: bool) -> Tensor:
    return torch.floor(x + 0.5) if half_up else torch.round(x)


def _pair_range(rows: Tensor) -> Tensor:
    """Return the twin of :func:`uhd.compress.int8.weight_range.weight_ranges` for rows (channels, n): (channels,)."""
    padded = torch.nn.functional.pad(rows, (2, 2))
    pairs = [padded.topk(2, 1, largest=positive).values.sum(1).abs() for positive in (True, False)]
    return torch.maximum(*pairs)

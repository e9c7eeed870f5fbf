"""Weights on a grid whose layer answers as in float, also from inputs that earlier layers have moved.

Rounding every weight to the nearest step is best for each weight and not for their sum. Two steps do better, layer
after layer: a least-squares fit of the float layer's outputs from the inputs as they really come, then rounding one
input after the other, each error made up for by the weights that are not rounded yet. And where all channels share a
step that the largest weight of all decided, half of it can be better: the largest are cut and all others are finer.
Sources: Frantar and Alistarh, "Optimal Brain Compression", 2022, https://arxiv.org/abs/2208.11580; Frantar et al.,
"GPTQ", 2022, https://arxiv.org/abs/2210.17323; Hubara et al., "Accurate Post Training Quantization With Small
Calibration Sets", 2021, https://arxiv.org/abs/2006.10518 (fitting to inputs of the quantised network).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Exact = NDArray[np.float64]

# Of the rounding, in mean squares of an input; inputs that never vary are rounded to the nearest.
_DAMPING = 0.01


@dataclass(frozen=True)
class Grid:
    """Values that weights can have: ``step`` times a whole number from ``low`` to ``high``.

    Attributes:
        step: (groups, outputs, 1), or what broadcasts to it.
        low, high: of the whole number.
    """

    step: Exact
    low: int
    high: int

    def nearest(self, weights: Exact) -> Exact:
        """Return the nearest value of the grid to each of (groups, outputs, inputs)."""
        return np.asarray(np.clip(np.rint(weights / self.step), self.low, self.high) * self.step)

    def finer(self) -> Grid:
        """Return the grid with half the step, and so half the range."""
        return replace(self, step=self.step / 2)


class Moments:
    """What a layer's inputs and wanted outputs have in common, gathered over places of images.

    Args:
        groups, inputs, outputs: of the layer; inputs and outputs of one group.
        centred: whether a bias takes the means, so that weights need not.
    """

    def __init__(self, groups: int, inputs: int, outputs: int, centred: bool = True) -> None:
        self.centred, self.count = centred, 0
        self._x, self._y = np.zeros((groups, inputs)), np.zeros((groups, outputs))
        self._xx, self._yx = np.zeros((groups, inputs, inputs)), np.zeros((groups, outputs, inputs))

    def add(self, inputs: Array, outputs: Array) -> None:
        """Count inputs (groups, inputs, places) and the outputs (groups, outputs, places) wanted from them."""
        self._x += inputs.sum(2, dtype=np.float64)
        self._y += outputs.sum(2, dtype=np.float64)
        turned = inputs.transpose(0, 2, 1)
        self._xx += inputs @ turned
        self._yx += outputs @ turned
        self.count += inputs.shape[2]

    @property
    def second(self) -> Exact:
        """(groups, inputs, inputs): mean product of inputs, around their means where centred."""
        return self._around(self._xx, self._x, self._x)

    @property
    def cross(self) -> Exact:
        """(groups, outputs, inputs): mean product of outputs and inputs, likewise."""
        return self._around(self._yx, self._y, self._x)

    def error(self, weights: Array) -> Exact:
        """Return (groups, outputs): mean square error with these weights and the best bias, less that of weights of 0.

        Negative where they are better than none.
        """
        own = np.einsum("goi,gij,goj->go", weights, self.second, weights, optimize=True)
        return np.asarray(own - 2 * np.einsum("goi,goi->go", weights, self.cross))

    def bias(self, weights: Array) -> Array:
        """Return (groups, outputs): with it and these weights, outputs have the wanted mean."""
        outside = self._y - (weights @ self._x[:, :, None])[:, :, 0]
        return np.asarray(outside / self.count, np.float32)

    def _around(self, products: Exact, left: Exact, right: Exact) -> Exact:
        mean = products / self.count
        return mean - left[:, :, None] * right[:, None, :] / self.count**2 if self.centred else mean


def reconstruct(weights: Array, moments: Moments, grid: Grid, halved: int = 0) -> tuple[Array, Grid]:
    """Return weights with which the layer comes closest to the wanted outputs, approximately, and their grid.

    Args:
        weights: (groups, outputs, inputs) of the float layer.
        moments: of inputs as the rounded network has them, and of the outputs wanted from them.
        grid: of the new weights.
        halved: how often its step may be halved, where that costs less.
    """
    fitted, second = least_squares(weights, moments), damped(moments.second, _DAMPING)
    tried = []
    for _ in range(halved + 1):
        rounded = round_with_feedback(fitted, second, grid).astype(np.float32)
        tried.append((float(moments.error(rounded).sum()), rounded, grid))
        grid = grid.finer()
    _, rounded, grid = min(tried, key=lambda each: each[0])
    return rounded, grid


def least_squares(weights: Array, moments: Moments, pull: float = 5.0) -> Exact:
    """Return the weights with which a layer comes closest to the wanted outputs, before they are rounded.

    Args:
        weights: (groups, outputs, inputs) of the float layer.
        moments: see :func:`reconstruct`.
        pull: towards the float weights, in mean squares of an input. What rounded inputs lost cannot be won back by
            weights, and a small network fitted too freely answers other images worse.
    """
    second = moments.second
    pulled = damped(second, pull)
    wanted = moments.cross + weights @ (pulled - second)
    return np.asarray(np.linalg.solve(pulled, wanted.transpose(0, 2, 1)).transpose(0, 2, 1), np.float64)


def round_with_feedback(weights: Exact, second: Exact, grid: Grid) -> Exact:
    """Round (groups, outputs, inputs) one input after the other, the strongest first (GPTQ).

    Args:
        weights: to round.
        second: (groups, inputs, inputs), positive definite: what an error of two weights costs together.
        grid: of the result.
    """
    order = np.argsort(-np.diagonal(second, axis1=1, axis2=2), axis=1, kind="stable")
    left = np.take_along_axis(weights, order[:, None], 2).astype(np.float64)
    sorted_rows = np.take_along_axis(second, order[:, :, None], 1)
    inverse = np.linalg.inv(np.take_along_axis(sorted_rows, order[:, None], 2))
    # Row j says how the weights after j make up for one unit of error of weight j.
    shares = np.linalg.cholesky(inverse).transpose(0, 2, 1)
    rounded = np.empty_like(left)
    for j in range(left.shape[2]):
        rounded[:, :, j : j + 1] = grid.nearest(left[:, :, j : j + 1])
        error = (left[:, :, j] - rounded[:, :, j]) / shares[:, j, j, None]
        left[:, :, j:] -= error[:, :, None] * shares[:, None, j, j:]
    return np.take_along_axis(rounded, np.argsort(order, axis=1)[:, None], 2)


def damped(second: Exact, share: float) -> Exact:
    """Return second moments with a share of their mean on the diagonal, so that they can be inverted."""
    mean = np.diagonal(second, axis1=1, axis2=2).mean(1)
    # A group of inputs that are always the same has nothing to share.
    extra = np.where(mean > 0, share * mean, 1.0)
    return second + extra[:, None, None] * np.eye(second.shape[1])

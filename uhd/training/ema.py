"""Averages of the weights: exponential, with a ramp so that early steps are forgotten, or equal over the last steps."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn


class ModelEMA:
    """Keeps a copy of a model whose floats follow it: ``ema += (1 - d) (model - ema)``.

    ``d = min(decay, (1 + n) / (10 + n))`` at the n-th update. Integer buffers are copied.

    Attributes:
        model: the averaged model, in evaluation mode.
        updates: n.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self.decay = decay
        self.updates = 0
        source, target = model.state_dict(), self.model.state_dict()
        floats = [name for name, value in source.items() if value.is_floating_point()]
        # The tensors are the modules' own: names are looked up once, not at every step.
        self._source: list[Tensor] = [source[name] for name in floats]
        self._target: list[Tensor] = [target[name] for name in floats]
        self._counts = [(source[n], target[n]) for n in source if n not in set(floats)]

    @torch.no_grad()
    def update(self) -> None:
        """Move the average towards the model's present weights."""
        self.updates += 1
        torch._foreach_lerp_(self._target, self._source, 1 - self.present_decay())
        for source, target in self._counts:
            target.copy_(source)

    def present_decay(self) -> float:
        """Return what the average keeps of itself at this update, 0 to 1."""
        return min(self.decay, (1 + self.updates) / (10 + self.updates))


class StochasticAverage(ModelEMA):
    """The mean of the weights after every step of the last part of a run (Izmailov et al., 2018); before it, the last.

    Batch-norm statistics are averaged with them, so no further pass over the data is needed.

    Paper: https://arxiv.org/abs/1803.05407

    Args:
        model: followed.
        start: steps before the first that counts.
    """

    def __init__(self, model: nn.Module, start: int) -> None:
        super().__init__(model, 0.0)
        self.start = start

    def present_decay(self) -> float:
        """Return 0 up to the first step that counts, then the share of those before this one."""
        counted = max(1, self.updates - self.start)
        return (counted - 1) / counted

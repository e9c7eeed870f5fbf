"""Exponential moving average of the weights, with a ramp so that early steps are forgotten."""

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
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        torch._foreach_lerp_(self._target, self._source, 1 - decay)
        for source, target in self._counts:
            target.copy_(source)

"""Muon: momentum whose matrix updates are made orthogonal; AdamW for everything that is not a matrix.

Source: Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, overload

import torch
from torch import Tensor

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def orthogonalise(update: Tensor, steps: int = 5) -> Tensor:
    """Return the nearest semi-orthogonal matrix to (m, n), approximately: singular values near 1.

    A quintic Newton-Schulz iteration, which needs products only.
    """
    a, b, c = _COEFFICIENTS
    tall: bool = update.shape[0] > update.shape[1]
    x = update.T if tall else update
    x = x / (x.norm() + 1e-7)
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    result: Tensor = x.T if tall else x
    return result


class Muon(torch.optim.Optimizer):
    """Steps groups marked ``matrices`` by orthogonalised Nesterov momentum, the others by AdamW.

    Args:
        groups: dicts with ``params``, ``lr``, ``weight_decay`` and ``matrices`` (bool). Convolution weights are
            flattened to (out, in * k * k).
        momentum: of the matrix groups.
        betas, eps: of AdamW.
    """

    def __init__(
        self,
        groups: Iterable[dict[str, Any]],
        momentum: float = 0.95,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        super().__init__(groups, {"momentum": momentum, "betas": betas, "eps": eps, "matrices": False})

    @overload
    def step(self, closure: None = None) -> None: ...
    @overload
    def step(self, closure: Callable[[], float]) -> float: ...
    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Take one step with the gradients present."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            parameters = [p for p in group["params"] if p.grad is not None]
            if parameters:
                (self._step_matrices if group["matrices"] else self._step_adamw)(group, parameters)
        return loss

    def _step_matrices(self, group: dict[str, Any], parameters: list[Tensor]) -> None:
        for parameter in parameters:
            assert parameter.grad is not None
            state = self.state[parameter]
            if not state:
                state["momentum_buffer"] = torch.zeros_like(parameter)
            buffer = state["momentum_buffer"].mul_(group["momentum"]).add_(parameter.grad)
            update = parameter.grad.add(buffer, alpha=group["momentum"]).flatten(1)
            update = orthogonalise(update)
            scale = max(1.0, update.shape[0] / update.shape[1]) ** 0.5
            parameter.mul_(1 - group["lr"] * group["weight_decay"])
            parameter.add_(update.view_as(parameter), alpha=-group["lr"] * scale)

    def _step_adamw(self, group: dict[str, Any], parameters: list[Tensor]) -> None:
        grads = [p.grad for p in parameters if p.grad is not None]
        for parameter in parameters:
            if not self.state[parameter]:
                self.state[parameter] = {
                    "step": torch.zeros(()),
                    "exp_avg": torch.zeros_like(parameter),
                    "exp_avg_sq": torch.zeros_like(parameter),
                }
        first = [self.state[p]["exp_avg"] for p in parameters]
        second = [self.state[p]["exp_avg_sq"] for p in parameters]
        steps = [self.state[p]["step"] for p in parameters]
        torch._foreach_add_(steps, 1)
        beta1, beta2 = group["betas"]
        torch._foreach_lerp_(first, grads, 1 - beta1)
        torch._foreach_mul_(second, beta2)
        torch._foreach_addcmul_(second, grads, grads, 1 - beta2)
        scale = torch._foreach_sqrt(second)
        torch._foreach_mul_(parameters, 1 - group["lr"] * group["weight_decay"])
        # A parameter whose gradients began later is corrected by its own steps; usually there is one number for all.
        places: dict[float, list[int]] = {}
        for place, step in enumerate(steps):
            places.setdefault(float(step), []).append(place)
        for count, some in places.items():
            scales = [scale[i] for i in some]
            torch._foreach_div_(scales, (1 - beta2**count) ** 0.5)
            torch._foreach_add_(scales, group["eps"])
            torch._foreach_addcdiv_(
                [parameters[i] for i in some], [first[i] for i in some], scales, -group["lr"] / (1 - beta1**count)
            )

"""Tensors that a step changes, and how a step that is left out gives them back."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


class Kept:
    """A copy of tensors, taken before a step and put back where the step turns out to be none.

    Args:
        tensors: of any types and shapes; their contents are watched, not the objects.
    """

    def __init__(self, tensors: Sequence[Tensor]) -> None:
        self._groups: dict[tuple[torch.dtype, torch.device], list[Tensor]] = {}
        for tensor in tensors:
            self._groups.setdefault((tensor.dtype, tensor.device), []).append(tensor)
        self._copies = {kind: [torch.empty_like(t) for t in group] for kind, group in self._groups.items()}

    @torch.no_grad()
    def keep(self) -> None:
        """Copy the tensors as they are now."""
        for kind, group in self._groups.items():
            torch._foreach_copy_(self._copies[kind], group)

    @torch.no_grad()
    def give_back(self) -> None:
        """Make the tensors what they were."""
        for kind, group in self._groups.items():
            torch._foreach_copy_(group, self._copies[kind])

    @torch.no_grad()
    def settle(self, good: Tensor) -> None:
        """Make the tensors what they were unless a flag () on their device is set; nobody waits for it.

        A product with 0 would keep NaN, so it is a choice, made on one long tensor of each kind: a few kernels.
        """
        for kind, group in self._groups.items():
            new = torch.cat([tensor.reshape(-1) for tensor in group])
            old = torch.cat([tensor.reshape(-1) for tensor in self._copies[kind]])
            parts = torch.split(torch.where(good, new, old), [tensor.numel() for tensor in group])
            torch._foreach_copy_(group, [part.view_as(t) for part, t in zip(parts, group, strict=True)])

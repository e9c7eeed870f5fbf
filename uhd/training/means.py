"""Means over the steps of an epoch; a step that was left out counts for nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


class StepMeans:
    """Sums of named scalars over steps, on their device.

    Attributes:
        sums: name -> sum, float tensors ().
        count: steps that counted: a number, or a tensor () on the device.
    """

    def __init__(self) -> None:
        self.sums: dict[str, Tensor] = {}
        self.count: Tensor | int = 0

    def add(self, parts: Mapping[str, Tensor], good: bool | Tensor) -> None:
        """Add the parts of one step, unless it was left out; a flag on a device is not waited for."""
        if isinstance(good, bool):
            if not good:
                return
            self.count = self.count + 1
        else:
            self.count = self.count + good.to(torch.int64)
        for name, value in parts.items():
            taken = value if isinstance(good, bool) else torch.where(good, value, torch.zeros_like(value))
            self.sums[name] = self.sums[name] + taken if name in self.sums else taken.clone()

    def means(self) -> dict[str, float]:
        """Return the means as numbers; this waits for the device."""
        count = max(1, int(self.count))
        return {name: float(value) / count for name, value in self.sums.items()}

    def state(self) -> dict[str, Any]:
        """Return tensors and plain values from which :meth:`restore` continues."""
        return {"sums": {name: value.detach().cpu() for name, value in self.sums.items()}, "count": int(self.count)}

    def restore(self, state: Mapping[str, Any], device: torch.device) -> None:
        """Continue from :meth:`state`."""
        self.sums = {name: value.to(device) for name, value in state["sums"].items()}
        self.count = int(state["count"])

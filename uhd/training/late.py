"""Flags of a GPU, read a step after they were made, so that the next step is under way meanwhile."""

from __future__ import annotations

from collections import deque

import torch
from torch import Tensor


class LateFlags:
    """Hands out flags in the order they came, those of a GPU one step late."""

    def __init__(self) -> None:
        self._pending: deque[tuple[Tensor, torch.cuda.Event]] = deque()

    def add(self, flag: bool | Tensor) -> list[bool]:
        """Take the flag of a step; returns the flags that are known now."""
        if isinstance(flag, bool):
            return [flag]
        value = torch.empty((), dtype=torch.bool, pin_memory=True)
        value.copy_(flag, non_blocking=True)
        event = torch.cuda.Event()  # type: ignore[no-untyped-call]
        event.record()
        self._pending.append((value, event))
        return self.read(1)

    def read(self, leave: int = 0) -> list[bool]:
        """Return the flags taken before, oldest first, all but the newest ``leave``; waits for those it returns."""
        found = []
        while len(self._pending) > leave:
            value, event = self._pending.popleft()
            event.synchronize()
            found.append(bool(value))
        return found

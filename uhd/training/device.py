"""Where a run computes."""

from __future__ import annotations

import sys

import torch

from uhd.errors import UserError
from uhd.training.distributed import Processes


def choose_device(name: str | None, processes: Processes) -> torch.device:
    """Return the named device, or CUDA when there is one.

    Raises:
        UserError: the device does not exist here.
    """
    if name is None:
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        if processes.main:
            print(f"--device {name}: no CUDA device here; training on the CPU", file=sys.stderr)  # noqa: T201
        name = "cpu"
    if name == "cuda" and processes.world > 1:
        name = f"cuda:{processes.local_rank}"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UserError(f"--device {name}: not a device torch knows (cpu, cuda, cuda:1, mps)") from None
    try:
        torch.zeros((), device=device).item()
    except (RuntimeError, AssertionError):  # each device says it in its own way
        raise UserError(f"--device {name}: nothing can be computed on it here: choose another, such as cpu") from None
    return device

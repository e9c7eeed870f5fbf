"""What ends a run without being a mistake in the program, in one line: a process that is gone, memory that is full."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from uhd.errors import UserError
from uhd.training.distributed import is_lost


@contextmanager
def failures_told() -> Iterator[None]:
    """Turn such an end into a :class:`UserError`, wherever it is met.

    Raises:
        UserError: another process of the run is gone, or the memory of the machine or its device is full.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if is_out_of_memory(error):
            raise UserError("out of memory: lower --batch-size, --img-size, or the network's width") from error
        if isinstance(error, RuntimeError) and is_lost(error):
            raise UserError("another process of this run is gone; what it said is the reason") from error
        raise


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error means that the memory of the machine or of its device is full."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "DefaultCPUAllocator" in str(error)

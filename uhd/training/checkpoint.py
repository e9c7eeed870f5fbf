"""Checkpoints of a run: which are kept, and which one a run continues from."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import Any

import torch

from uhd.errors import UserError
from uhd.files import save_atomic
from uhd.models.weights import read_checkpoint


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Save a dict of tensors and plain values (see :func:`uhd.files.save_atomic`)."""
    save_atomic(path, lambda temporary: torch.save(state, temporary))


def newest_last(folder: Path) -> Path:
    """Return the newest ``last_*.pt`` of a run folder that can be read.

    Raises:
        UserError: there is none.
    """
    found = sorted(folder.glob("last_*.pt"), key=_epoch_of, reverse=True)
    for path in found:
        with contextlib.suppress(UserError):
            read_checkpoint(path)
            return path
    raise UserError(f"{folder}: no last_*.pt to resume")


def prune(folder: Path, pattern: str, keep: int) -> None:
    """Delete all but the ``keep`` newest checkpoints that match, with what lies beside them."""
    for path in sorted(folder.glob(pattern), key=_epoch_of, reverse=True)[keep:]:
        path.unlink()
        path.with_suffix(".safetensors").unlink(missing_ok=True)


def _epoch_of(path: Path) -> int:
    match = re.search(r"_(\d{4,})", path.stem)
    return int(match.group(1)) if match else -1

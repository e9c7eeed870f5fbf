"""What the trainer needs to know of a task; it knows nothing else about detection."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from torch import Tensor, nn

from uhd.data.batch import Batch


class Task(Protocol):
    """A model with its objective and its measure.

    Attributes:
        tag: short name in checkpoint files, e.g. ``utod``.
        model: the network to train.
        companion: trained beside the model and saved for resuming, but no part of it; None without one.
    """

    tag: str
    model: nn.Module
    companion: nn.Module | None

    def start_epoch(self, epoch: int) -> None:
        """Prepare the model, already in training mode, for an epoch (0-based)."""
        ...

    def loss(self, model: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the total loss and its parts (detached scalars) of one batch."""
        ...

    def evaluate(self, model: nn.Module) -> dict[str, float]:
        """Return the metrics of a model on the validation images; ``AP50`` decides which is best."""
        ...

    def describe(self) -> dict[str, Any]:
        """Return plain values that rebuild the model: stored in checkpoints and weight files."""
        ...

    def settings(self) -> dict[str, Any]:
        """Return plain values that only a resumed run needs: stored in checkpoints, not in weight files."""
        ...

    def illustrate(self, model: nn.Module, folder: Path, samples: int) -> None:
        """Write what a person wants to see of a new best model: report, curves, validation images with boxes."""
        ...

"""What the trainer asks of a task and of its batches: a model, its objective, its measure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor, nn

from uhd.training.parameters import ParameterGroups


@dataclass(frozen=True)
class Metric:
    """The number that decides which checkpoint is the best.

    Attributes:
        name: key in what :meth:`Task.evaluate` returns.
        larger_is_better: its direction.
        label: what it is called in the names of checkpoint files.
    """

    name: str
    larger_is_better: bool = True
    label: str = "score"

    def better(self, value: float, than: float | None) -> bool:
        """Whether a value is better than another, or than none at all. NaN is never better."""
        if than is None:
            return value == value
        return value > than if self.larger_is_better else value < than


class Batches(Protocol):
    """Training batches that depend on epoch and position alone, such as :class:`uhd.data.loader.Loader`.

    Attributes:
        batch_size: samples per batch of this process.
        wait_seconds: time that the trainer has waited for batches so far.
    """

    batch_size: int
    wait_seconds: float

    def __len__(self) -> int:
        """Return the number of batches in an epoch, the same in every process."""
        ...

    def epoch(self, epoch: int, start_batch: int = 0) -> Iterator[Any]:
        """Yield the batches of an epoch (0-based), from ``start_batch`` on."""
        ...

    def close(self) -> None:
        """Stop threads and processes; a later epoch starts them again."""
        ...


class Task(Protocol):
    """A model with its objective and its measure. What a batch is, only the task and its batches know.

    Attributes:
        tag: short name in the names of checkpoint files, e.g. ``utod``.
        metric: decides which checkpoint is the best.
        model: the network to train.
        companion: trained beside the model and saved for resuming, but no part of it; None without one.
    """

    tag: str
    metric: Metric
    model: nn.Module
    companion: nn.Module | None

    def parameter_groups(self) -> ParameterGroups:
        """Return the parameters of the model by what optimisers may do with them."""
        ...

    def start_epoch(self, epoch: int) -> None:
        """Prepare the model, already in training mode, for an epoch (0-based)."""
        ...

    def loss(self, model: nn.Module, batch: Any) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the total loss and its parts (detached scalars) of one batch.

        Args:
            model: :attr:`model`, or what averages its gradients over several processes.
            batch: from the trainer's batches.
        """
        ...

    def evaluate(self, model: nn.Module) -> dict[str, float]:
        """Return the metrics of a model on the validation data, among them that of :attr:`metric`.

        Without it nothing was measured, and no epoch is the best.
        """
        ...

    def describe(self) -> dict[str, Any]:
        """Return plain values that rebuild the model: stored in checkpoints and weight files."""
        ...

    def settings(self) -> dict[str, Any]:
        """Return plain values that only a resumed run needs: stored in checkpoints, not in weight files."""
        ...

"""One optimiser step that either happens, or leaves nothing behind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from uhd.training.config import TrainConfig
from uhd.training.distributed import Processes
from uhd.training.ema import ModelEMA, StochasticAverage
from uhd.training.kept import Kept
from uhd.training.optimiser import build_optimiser
from uhd.training.task import Task


class Stepper:
    """Takes the steps of a task: precision, gradients, clipping, optimiser, average.

    A step whose loss or gradient is not finite, in any process, is left out everywhere: weights, the optimiser's
    state, batch-norm statistics, observed ranges and the average stay what they were. On the processor this is decided
    before the optimiser; on a GPU it is undone behind it, by a flag that stays on the device.

    Args:
        task: model and objective.
        config: optimiser, clipping, average, precision.
        device: where the model is.
        processes: this process among several.
        steps_per_epoch: for averages that begin late.

    Attributes:
        replica: the model, or what averages its gradients over the processes.
        ema: averaged weights, or None.
    """

    def __init__(
        self, task: Task, config: TrainConfig, device: torch.device, processes: Processes, steps_per_epoch: int = 1
    ) -> None:
        self.task, self.config, self.device, self.processes = task, config, device, processes
        # Found once: looking through all modules at every step takes a hundredth of a small one.
        self._model_parameters = list(task.model.parameters())
        self.companions = [] if task.companion is None else list(task.companion.parameters())
        self.optimiser = build_optimiser(task.parameter_groups(), config, self.companions)
        self.ema = _average(task.model, config, steps_per_epoch) if config.use_ema else None
        self.replica = processes.wrap(task.model)
        amp = config.use_amp and device.type == "cuda"
        self.amp_dtype = {"fp16": torch.float16, "bf16": torch.bfloat16}[config.amp_dtype] if amp else None
        self.scaler = torch.amp.GradScaler(enabled=self.amp_dtype == torch.float16)
        self._buffers = Kept([*task.model.buffers(), *(task.companion.buffers() if task.companion else ())])
        self._weights: Kept | None = None

    def take(self, batch: Any, rate: float, more: Sequence[Any] = ()) -> tuple[dict[str, Tensor], bool | Tensor]:
        """Take one step.

        Args:
            batch: of the task.
            rate: learning rate.
            more: batches whose gradients join that of the first, as if all had been one.

        Returns:
            the parts of the loss (of several batches their means), and whether the step was taken; on a GPU a flag on
            the device.
        """
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group["lr_scale"]
        self._buffers.keep()
        if more and self._joins([batch, *more]):
            with self._precision():
                total, parts = self.task.joined_loss(self.replica, [batch, *more])  # type: ignore[attr-defined]
            more = ()
        else:
            with self._precision():
                total, parts = self.task.loss(self.replica, batch)
        finite = self.processes.all_finite(torch.isfinite(total.detach()))
        apart = bool(more) or (self.processes.world > 1 and self._divided_by is not None)
        if apart:
            self.optimiser.zero_grad(set_to_none=True)
            parts, finite = self._join(total, parts, finite, more)
        last = None if apart else total
        good = self._on_device(last, finite) if self.device.type == "cuda" else self._on_host(last, finite)
        return parts, good

    def _join(
        self, total: Tensor, parts: dict[str, Tensor], finite: Tensor, more: Sequence[Any]
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Fill in the gradient of all batches joined; returns the means of their parts, and whether all are finite.

        They are the batches of this step and those of other processes; the graph of one is gone before the next is
        made. A loss that is divided by its positives is multiplied by them again, and the sum divided by those of all
        batches: mean losses of batches with few and with many people would not be the loss of them together. A batch
        without any has been divided by 1, which is none of them.
        """
        counts, seen = self._count(parts), [parts]
        self.scaler.scale(total * counts.clamp(min=1)).backward()  # type: ignore[no-untyped-call]
        for batch in more:
            with self._precision():
                total, parts = self.task.loss(self.replica, batch)
            finite = finite & self.processes.all_finite(torch.isfinite(total.detach()))
            count = self._count(parts)
            self.scaler.scale(total * count.clamp(min=1)).backward()  # type: ignore[no-untyped-call]
            counts, seen = counts + count, [*seen, parts]
        # Gradients are means over the processes, which number together what they were divided by.
        counts = self.processes.total(counts).clamp(min=1) / self.processes.world
        for parameter in self._parameters():
            if parameter.grad is not None:
                parameter.grad /= counts
        means = {name: torch.stack([each[name].detach().float() for each in seen]).mean() for name in parts}
        return means, finite

    def _count(self, parts: dict[str, Tensor]) -> Tensor:
        """Return the number that the loss of a batch has been divided by, if it is one, not 0; 1 for means."""
        name = self._divided_by
        return torch.ones((), device=self.device) if name is None else parts[name].detach().float()

    @property
    def _divided_by(self) -> str | None:
        return getattr(self.task, "divided_by", None)

    def _joins(self, batches: Sequence[Any]) -> bool:
        joins = getattr(self.task, "joins", None)
        return joins is not None and joins(batches)

    def undo_buffers(self) -> None:
        """Give back what the forward pass of a step that broke off has changed."""
        self._buffers.give_back()
        self.optimiser.zero_grad(set_to_none=True)

    def _on_host(self, total: Tensor | None, finite: Tensor) -> bool:
        good = bool(finite)
        if total is not None:
            self.optimiser.zero_grad(set_to_none=True)
        if good:
            good = bool(torch.isfinite(self._gradients(total)))
        if not good:
            self.undo_buffers()
            return False
        self.optimiser.step()
        if self.ema is not None:
            self.ema.update()
        return True

    def _on_device(self, total: Tensor | None, finite: Tensor) -> Tensor:
        if self._weights is None:
            # The optimiser's state appears with its first step; from then on it is watched, too.
            self._weights = Kept([*self._parameters(), *self._state()])
        if total is not None:
            self.optimiser.zero_grad(set_to_none=True)
        good = finite & torch.isfinite(self._gradients(total))
        self._weights.keep()
        fresh = not self.optimiser.state
        self.optimiser.step()
        if fresh:
            for value in self._state():
                value.copy_(torch.where(good, value, torch.zeros_like(value)))
        self._weights.settle(good)
        self._buffers.settle(good)
        if fresh:
            self._weights = None
        if self.scaler.is_enabled():
            self.scaler.update()
        if self.ema is not None:
            self.ema.update()
        return good

    def _gradients(self, total: Tensor | None) -> Tensor:
        """Fill in the gradients, averaged, unscaled and clipped; returns their norm before. None: they are there."""
        if total is not None:
            self.scaler.scale(total).backward()  # type: ignore[no-untyped-call]
        self.processes.average(self.companions)
        if self.scaler.is_enabled():
            self.scaler.unscale_(self.optimiser)
        most = self.config.grad_clip_norm
        norms = [self._norm(parameters, most) for parameters in (self._model_parameters, self.companions)]
        return torch.stack([norm for norm in norms if norm is not None]).sum()

    @staticmethod
    def _norm(parameters: list[nn.Parameter], most: float) -> Tensor | None:
        if not parameters:
            return None
        if most > 0:
            return nn.utils.clip_grad_norm_(parameters, most)
        return nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])

    def _parameters(self) -> Iterator[Tensor]:
        for group in self.optimiser.param_groups:
            yield from group["params"]

    def _state(self) -> Iterator[Tensor]:
        for slots in self.optimiser.state.values():
            yield from (value for value in slots.values() if torch.is_tensor(value) and value.is_cuda)

    def _precision(self) -> AbstractContextManager[Any]:
        return torch.autocast("cuda", self.amp_dtype) if self.amp_dtype is not None else nullcontext()


def _average(model: nn.Module, config: TrainConfig, steps_per_epoch: int) -> ModelEMA:
    if config.average == "ema":
        return ModelEMA(model, config.ema_decay)
    return StochasticAverage(model, round((1 - config.swa_share) * config.epochs * steps_per_epoch))

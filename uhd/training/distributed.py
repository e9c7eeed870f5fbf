"""Several processes through torch's own launcher; one process needs nothing of this."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from uhd.errors import UserError

T = TypeVar("T")


@dataclass(frozen=True)
class Processes:
    """This process's place among those that ``torchrun`` started, and what they decide together.

    Attributes:
        rank: number of this process.
        world: how many there are.
        local_rank: number of this process on its machine.
        host: group in which the processors, not the devices, talk; None for the default group.
    """

    rank: int = 0
    world: int = 1
    local_rank: int = 0
    host: Any = None

    @property
    def main(self) -> bool:
        """Whether this process writes files and shows progress."""
        return self.rank == 0

    def wrap(self, model: nn.Module) -> nn.Module:
        """Return the model with averaged gradients, or as it is for a single process.

        Raises:
            UserError: the processes have different models.
        """
        if self.world == 1:
            return model
        cuda = next(model.parameters()).is_cuda
        try:
            return DistributedDataParallel(model, device_ids=[self.local_rank] if cuda else None)
        except RuntimeError as error:
            if is_lost(error):
                raise
            raise UserError(
                "the processes of this run have different networks: give all of them the same flags"
            ) from None

    def average(self, parameters: Sequence[nn.Parameter]) -> None:
        """Average the gradients of parameters that :meth:`wrap` does not know."""
        if self.world > 1:
            for parameter in parameters:
                if parameter.grad is not None:
                    distributed.all_reduce(parameter.grad)
                    parameter.grad /= self.world

    def any(self, *flags: bool) -> tuple[bool, ...]:
        """Return for each flag whether it is set in any process; the device is not asked."""
        if self.world == 1:
            return flags
        values = torch.tensor([float(flag) for flag in flags])
        distributed.all_reduce(values, distributed.ReduceOp.MAX, group=self.host)
        return tuple(bool(value) for value in values)

    def all_finite(self, flag: Tensor) -> Tensor:
        """Return a flag () that is set where it is set in every process, on its device; nobody waits for it."""
        if self.world == 1:
            return flag
        value = flag.float()
        distributed.all_reduce(value, distributed.ReduceOp.MIN)
        return value > 0

    def sum(self, value: float) -> float:
        """Return the sum of a number over the processes."""
        if self.world == 1:
            return value
        total = torch.tensor([value], dtype=torch.float64)
        distributed.all_reduce(total, group=self.host)
        return float(total)

    def total(self, value: Tensor) -> Tensor:
        """Return the sum of a number () over the processes, on its device; nobody waits for it."""
        if self.world == 1:
            return value
        total = value.detach().clone()
        distributed.all_reduce(total)
        return total

    def union(self, values: Set[str]) -> set[str]:
        """Return what any process holds."""
        if self.world == 1:
            return set(values)
        found: list[set[str]] = [set()] * self.world
        distributed.all_gather_object(found, set(values), group=self.host)
        return set().union(*found)

    def share(self, values: Mapping[str, float]) -> dict[str, float]:
        """Return the main process's values in every process."""
        if self.world == 1:
            return dict(values)
        box = [dict(values)]
        distributed.broadcast_object_list(box, src=0, group=self.host)
        return box[0]

    def main_first(self, action: Callable[[], T]) -> T:
        """Run an action in the main process, then in the others, which find what it has written.

        Raises:
            UserError: what the main process met stops all of them.
        """
        if self.world == 1:
            return action()
        reason: list[str | None] = [None]
        result: T
        if self.main:
            try:
                result = action()
            except Exception as error:
                reason[0] = str(error)
                distributed.broadcast_object_list(reason, src=0, group=self.host)
                raise
        distributed.broadcast_object_list(reason, src=0, group=self.host)
        if reason[0] is not None:
            raise UserError(reason[0])
        return result if self.main else action()


def join_processes() -> Processes:
    """Join the process group that ``torchrun`` describes in the environment, if any.

    Raises:
        UserError: what the environment says is incomplete or no number, or the others cannot be reached.
    """
    world = number_in_environment("WORLD_SIZE", 1)
    if world <= 1:
        return Processes()
    backend = "nccl" if torch.cuda.is_available() else "gloo"
    if not distributed.is_initialized():
        try:
            distributed.init_process_group(backend)
        except (ValueError, RuntimeError) as error:
            reason = str(error).strip().splitlines()[0].rpartition("rendezvous: ")[2]
            raise UserError(f"WORLD_SIZE is {world}, but {reason}: start with torchrun, or unset WORLD_SIZE") from None
    # What the processors decide (a request to stop, an image that failed) must not wait for a device.
    host = distributed.new_group(backend="gloo") if distributed.get_backend() != "gloo" else None
    return Processes(distributed.get_rank(), world, number_in_environment("LOCAL_RANK", 0), host)


def number_in_environment(name: str, default: int) -> int:
    """Return a whole number that a launcher sets; an empty one, as some schedulers leave it, is none.

    Raises:
        UserError: it is no number.
    """
    text = os.environ.get(name) or str(default)
    try:
        return int(text)
    except ValueError:
        raise UserError(f"{name} is {text!r} in the environment: start with torchrun, or unset it") from None


def is_lost(error: RuntimeError) -> bool:
    """Whether an error means that another process of the run is gone."""
    if isinstance(error, distributed.DistError):
        return True
    text = str(error).lower()
    return any(word in text for word in ("gloo", "connection closed by peer", "connection reset by peer"))

"""Several processes through torch's own launcher; one process needs nothing of this."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel


@dataclass(frozen=True)
class Processes:
    """This process's place among those that ``torchrun`` started."""

    rank: int = 0
    world: int = 1
    local_rank: int = 0

    @property
    def main(self) -> bool:
        """Whether this process writes files and shows progress."""
        return self.rank == 0

    def wrap(self, model: nn.Module) -> nn.Module:
        """Return the model with averaged gradients, or as it is for a single process."""
        if self.world == 1:
            return model
        cuda = next(model.parameters()).is_cuda
        return DistributedDataParallel(model, device_ids=[self.local_rank] if cuda else None)

    def average(self, parameters: Sequence[nn.Parameter]) -> None:
        """Average the gradients of parameters that :meth:`wrap` does not know."""
        if self.world > 1:
            for parameter in parameters:
                if parameter.grad is not None:
                    distributed.all_reduce(parameter.grad)
                    parameter.grad /= self.world

    def share(self, values: dict[str, float]) -> dict[str, float]:
        """Return the main process's values in every process."""
        if self.world == 1:
            return values
        box = [values]
        distributed.broadcast_object_list(box, src=0)
        return box[0]


def join_processes() -> Processes:
    """Join the process group that ``torchrun`` describes in the environment, if any."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        return Processes()
    if not distributed.is_initialized():
        distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    return Processes(distributed.get_rank(), world, int(os.environ.get("LOCAL_RANK", "0")))

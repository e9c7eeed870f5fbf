"""A step on a GPU waits for no flag, and one that is left out leaves nothing there either."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from uhd.training.config import TrainConfig
from uhd.training.distributed import Processes
from uhd.training.parameters import ParameterGroups, group_parameters
from uhd.training.step import Stepper
from uhd.training.task import Metric

pytestmark = pytest.mark.gpu


class Line:
    """A batch-normed layer that learns a sum; a batch is (inputs, bad)."""

    tag, metric, companion = "line", Metric("error", larger_is_better=False), None

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.model: torch.nn.Module = torch.nn.Sequential(
            torch.nn.Linear(8, 8), torch.nn.BatchNorm1d(8), torch.nn.Linear(8, 8)
        ).cuda()

    def parameter_groups(self) -> ParameterGroups:
        return group_parameters(self.model)

    def loss(self, model: torch.nn.Module, batch: torch.Tensor) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        total = (model(batch) - batch).square().mean()
        return total, {"loss": total.detach()}


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
@pytest.mark.parametrize("amp", [False, True])
@pytest.mark.parametrize("first", [False, True])
def test_left_out_without_waiting(tmp_path: Path, optimizer: str, amp: bool, first: bool) -> None:
    config = TrainConfig(optimizer=optimizer, use_amp=amp)
    task = Line()
    stepper = Stepper(task, config, torch.device("cuda"), Processes())  # type: ignore[arg-type]
    good, bad = torch.randn(16, 8).cuda(), torch.full((16, 8), float("nan")).cuda()
    if not first:
        for _ in range(20):
            stepper.take(good, 0.001)
    before = {name: value.clone() for name, value in task.model.state_dict().items()}
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        _, flag = stepper.take(bad, 0.001)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert not bool(flag)
    assert all(torch.equal(before[name], value) for name, value in task.model.state_dict().items())
    for slots in stepper.optimiser.state.values():
        assert all(bool(torch.isfinite(value).all()) for value in slots.values() if torch.is_tensor(value))
    _, flag = stepper.take(good, 0.001)
    assert amp or bool(flag)
    assert stepper.ema is not None
    assert all(bool(torch.isfinite(value).all()) for value in stepper.ema.model.state_dict().values())

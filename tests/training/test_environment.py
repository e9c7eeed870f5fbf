"""What launchers and schedulers leave in the environment, and a process that is gone, are met with one line."""

from __future__ import annotations

import pytest
import torch

from uhd.cores import usable_cores
from uhd.errors import UserError
from uhd.training import distributed
from uhd.training.distributed import Processes, join_processes
from uhd.training.failures import failures_told
from uhd.training.threads import choose_threads


@pytest.mark.parametrize("text", ["", "0", "1"])
def test_one_process_needs_no_others(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("WORLD_SIZE", text)
    assert join_processes().world == 1


@pytest.mark.parametrize(("text", "said"), [("two", "WORLD_SIZE is 'two'"), ("2", "but environment variable RANK")])
def test_half_an_environment_is_explained(monkeypatch: pytest.MonkeyPatch, text: str, said: str) -> None:
    monkeypatch.setenv("WORLD_SIZE", text)
    monkeypatch.delenv("RANK", raising=False)
    with pytest.raises(UserError, match=f"{said}.*torchrun, or unset"):
        join_processes()


@pytest.mark.parametrize("text", ["[gloo/pair.cc:553] Connection closed by peer", "gloo: Read error"])
def test_whatever_was_waited_for_a_process_that_is_gone_is_told(text: str) -> None:
    with pytest.raises(UserError, match="another process of this run is gone"), failures_told():
        raise RuntimeError(text)
    with pytest.raises(RuntimeError, match="mat1"), failures_told():
        raise RuntimeError("mat1 and mat2 cannot be multiplied")


def test_processes_with_different_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("[1]: params[0] in this process with sizes [16] appears not to match")

    monkeypatch.setattr(distributed, "DistributedDataParallel", refuse)
    with pytest.raises(UserError, match="the same flags"):
        Processes(1, 2).wrap(torch.nn.Linear(1, 1))


@pytest.mark.parametrize(
    "error", [MemoryError(), torch.OutOfMemoryError("CUDA"), RuntimeError("DefaultCPUAllocator: no")]
)
def test_a_full_memory_is_told(error: Exception) -> None:
    with pytest.raises(UserError, match="out of memory: lower --batch-size"), failures_told():
        raise error


def test_no_more_threads_than_cores(capsys: pytest.CaptureFixture[str]) -> None:
    before = torch.get_num_threads()
    try:
        assert choose_threads(10**6) == usable_cores()
        assert "--threads 1000000: " in capsys.readouterr().err
    finally:
        torch.set_num_threads(before)

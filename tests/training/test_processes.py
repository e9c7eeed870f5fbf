"""Two real processes: they equal one on the joined batch, and decide together what to leave out and when to stop."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from tests.training.toy import PromptBatches, PromptTask, toy_trainer
from uhd.models.weights import read_checkpoint
from uhd.training.checkpoint import newest_last

ROOT = Path(__file__).parents[2]


def start(folder: Path, *arguments: str) -> list[subprocess.Popen[str]]:
    """Start this file in two processes."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.training.test_processes", str(folder), *arguments]
    return [
        subprocess.Popen(
            command, cwd=ROOT, env=os.environ | shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)}, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        for rank in range(2)
    ]  # fmt: skip


def finish(processes: list[subprocess.Popen[str]]) -> list[tuple[int, str]]:
    """Return exit code and output of each."""
    try:
        return [(process.wait(120), process.stdout.read() if process.stdout else "") for process in processes]
    finally:
        for process in processes:
            process.kill()


def wait_for_checkpoint(folder: Path, processes: list[subprocess.Popen[str]]) -> None:
    """Return once the run is saved for the first time."""
    deadline = time.monotonic() + 60
    while not list(folder.glob("last_*.pt")) and time.monotonic() < deadline:
        assert all(process.poll() is None for process in processes)
        time.sleep(0.01)


def test_two_equal_one_on_the_joined_batch(tmp_path: Path) -> None:
    outputs = finish(start(tmp_path / "two", "--epochs", "2"))
    assert [code for code, _ in outputs] == [0, 0], outputs
    one = toy_trainer(tmp_path / "one", 2, batches=PromptBatches(16))
    one.fit()
    two = read_checkpoint(newest_last(tmp_path / "two"))
    for name, value in one.task.model.named_parameters():
        torch.testing.assert_close(two["model"][name], value.detach(), atol=1e-6, rtol=1e-5)
    rates = [float(text.split("rate ")[1].split()[0]) for _, text in outputs]
    own = [float(text.split("own ")[1].split()[0]) for _, text in outputs]
    assert rates[0] == rates[1] == pytest.approx(sum(own), rel=1e-6)


def test_a_loss_that_is_bad_in_one_process_is_left_out_in_both(tmp_path: Path) -> None:
    outputs = finish(start(tmp_path, "--bad-rank", "1", "--bad-at", "1"))
    assert [code for code, _ in outputs] == [0, 0], outputs
    told = [text.split("weights ")[1].split()[0] for _, text in outputs]
    assert told[0] == told[1]
    assert all("bad 1" in text for _, text in outputs)


def test_a_batch_that_fails_in_one_process_stops_both_saved(tmp_path: Path) -> None:
    outputs = finish(start(tmp_path, "--fail-rank", "1", "--fail-at", "2"))
    assert [code for code, _ in outputs] == [2, 1], outputs
    assert "another process has no data; the run is saved" in outputs[0][1]
    assert "a picture cannot be read" in outputs[1][1]
    assert read_checkpoint(newest_last(tmp_path))["batch"] == 2


def test_stopped_a_while_apart(tmp_path: Path) -> None:
    processes = start(tmp_path, "--epochs", "100000")
    wait_for_checkpoint(tmp_path, processes)
    processes[1].send_signal(signal.SIGTERM)
    time.sleep(0.3)
    if processes[0].poll() is None:
        processes[0].send_signal(signal.SIGTERM)
    outputs = finish(processes)
    # The second may end by the signal itself: it came when the run was saved and over.
    assert outputs[1][0] == 130, outputs
    assert outputs[0][0] in (130, -signal.SIGTERM), outputs
    last = read_checkpoint(newest_last(tmp_path))
    assert last["step"] == last["epoch"] * 4 + last["batch"]


@pytest.mark.parametrize("lost", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_a_killed_process_ends_the_other_saved(tmp_path: Path, lost: int) -> None:
    processes = start(tmp_path, "--epochs", "100000")
    wait_for_checkpoint(tmp_path, processes)
    processes[lost].send_signal(signal.SIGKILL)
    code, text = finish(processes)[1 - lost]
    assert code == 2, text
    assert "another process of this run is gone; the run is saved" in text
    assert "Traceback" not in text
    read_checkpoint(newest_last(tmp_path))


def work() -> int:
    """Train the toy task in one of the processes; returns its exit code."""
    import argparse
    import hashlib

    from uhd.errors import UserError
    from uhd.training.distributed import join_processes
    from uhd.training.trainer import Interrupted

    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    for name in ("bad-rank", "bad-at", "fail-rank", "fail-at"):
        parser.add_argument(f"--{name}", type=int, default=-1)
    parser.add_argument("--epochs", type=int, default=1)
    given = parser.parse_args()
    processes = join_processes()
    fail_at = given.fail_at if processes.rank == given.fail_rank else -1
    task = PromptTask(given.bad_at if processes.rank == given.bad_rank else -1)
    batches = PromptBatches(processes=processes, fail_at=fail_at)
    trainer = toy_trainer(
        given.folder, given.epochs, task=task, batches=batches, processes=processes, eval_interval=1000
    )
    own: list[float] = []
    total = processes.sum
    type(processes).sum = lambda self, value: (own.append(value), total(value))[1]  # type: ignore[method-assign]
    numbers: list[dict[str, float]] = []
    count = trainer._numbers
    trainer._numbers = lambda steps: numbers.append(count(steps)) or numbers[-1]  # type: ignore[method-assign,func-returns-value]
    try:
        trainer.fit()
    except Interrupted:
        return 130
    except UserError as error:
        sys.stdout.write(f"error: {error}\n")
        return 2
    found = hashlib.sha256()
    for value in trainer.task.model.parameters():
        found.update(value.detach().numpy().tobytes())
    sys.stdout.write(f"weights {found.hexdigest()} bad {trainer.bad_steps}\n")
    sys.stdout.write(f"rate {numbers[-1]['images_per_second']} own {own[-1]}\n")
    return 0


if __name__ == "__main__":
    sys.exit(work())

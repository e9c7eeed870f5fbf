"""Where a run gets a process for its batches without being asked."""

from __future__ import annotations

import threading

import pytest

from uhd.data import loader_processes as module
from uhd.data.loader_processes import loader_processes


@pytest.fixture(autouse=True)
def eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FORKS", True)
    monkeypatch.setattr(module, "usable_cores", lambda: 8)
    monkeypatch.setattr(module, "_has_semaphores", lambda: True)


def test_a_long_run_with_a_free_processor_gets_one() -> None:
    assert loader_processes(None, 1_000_000, 7) == 1


@pytest.mark.parametrize("asked", [0, 1, 12])
def test_what_is_asked_for_is_taken(asked: int) -> None:
    assert loader_processes(asked, 10, 100) == asked
    assert loader_processes(asked, 1_000_000, 1) == asked


def test_a_short_run_keeps_its_thread() -> None:
    assert loader_processes(None, 1_000, 1) == 0


def test_busy_processors_are_left_alone() -> None:
    assert loader_processes(None, 1_000_000, 8) == 0


def test_only_where_a_fork_is_safe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FORKS", False)
    assert loader_processes(None, 1_000_000, 1) == 0


def test_not_beside_other_threads_of_the_caller() -> None:
    found: list[int] = []
    worker = threading.Thread(target=lambda: found.append(loader_processes(None, 1_000_000, 1)))
    worker.start()
    worker.join()
    assert found == [0]


def test_not_where_processes_can_share_no_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_has_semaphores", lambda: False)
    assert loader_processes(None, 1_000_000, 1) == 0


def test_whether_processes_can_share_a_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    class Context:
        def Lock(self) -> None:
            raise OSError("no /dev/shm")

    monkeypatch.undo()
    monkeypatch.setattr(module.multiprocessing, "get_context", lambda _: Context())
    assert not module._has_semaphores()

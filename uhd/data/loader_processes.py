"""How many processes prepare the batches of a run that does not say it."""

from __future__ import annotations

import multiprocessing
import sys
import threading

from uhd.cores import usable_cores

# Fewer are over before a process has paid for its start.
_LONG = 20_000
# macOS can fork, but its own libraries cannot be used afterwards.
_FORKS = sys.platform == "linux"


def loader_processes(asked: int | None, views: int, busy: int) -> int:
    """Return how many processes prepare batches; 0 is a thread of this one, which shares Python's lock with the steps.

    One process, where nothing speaks against it: the run is long, a processor is free, and a process costs nothing but
    its start, as it is a fork of this one. The batches are the same either way.

    Args:
        asked: what the user says; it is taken. None leaves it to this machine.
        views: images that the run will look at.
        busy: processors that compute, those of further processes of the run included.
    """
    if asked is not None:
        return asked
    # Beside threads of others a fork may wait for ever for a lock that one of them held.
    forks = _FORKS and threading.current_thread() is threading.main_thread()
    return int(views >= _LONG and forks and usable_cores() > busy and _has_semaphores())


def _has_semaphores() -> bool:
    """Return whether processes can share a lock, which a container without shared memory refuses."""
    try:
        multiprocessing.get_context("fork").Lock()
    except (ImportError, OSError, ValueError):
        return False
    return True

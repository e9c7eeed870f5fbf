"""Memory that a step frees is there for the next one, and goes back behind the run."""

import resource
import subprocess
import sys

import pytest

from uhd.training.kept_memory import _glibc, kept_memory

STEPS = """
import resource, torch
from uhd.training.kept_memory import kept_memory
with {block}():
    for i in range(25):
        if i == 5:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        torch.empty(30 << 18).fill_(1.0)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults_of_20_tensors(block: str) -> int:
    """Return how many pages are mapped in a process of its own: what lies in this one's heap decides here."""
    done = subprocess.run([sys.executable, "-c", STEPS.format(block=block)], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(_glibc() is None, reason="another C library keeps memory by rules of its own")
def test_memory_that_a_step_frees_is_there_for_the_next() -> None:
    pages = (30 << 20) // resource.getpagesize()
    assert faults_of_20_tensors("kept_memory") < 5 * pages


def test_a_run_that_failed_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError), kept_memory():
        _ = 1 / 0

"""Settings of the process while a training runs."""

import resource
import subprocess
import sys

import pytest

from uhd.training.pace import _glibc, training_pace

STEPS = """
import resource, torch
from uhd.training.pace import training_pace
with training_pace():
    for i in range(25):
        if i == 5:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        torch.empty(16 << 18).fill_(1.0)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def fail_inside() -> None:
    with training_pace():
        assert sys.getswitchinterval() == pytest.approx(0.0002, abs=2e-6)
        _ = 1 / 0


def test_the_interpreter_is_as_before_behind_a_run_that_failed() -> None:
    before = sys.getswitchinterval()
    with pytest.raises(ZeroDivisionError):
        fail_inside()
    assert sys.getswitchinterval() == before


def test_shorter_turns_of_the_user_are_kept() -> None:
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.0001)
    try:
        with training_pace():
            assert sys.getswitchinterval() == pytest.approx(0.0001, abs=2e-6)
    finally:
        sys.setswitchinterval(before)


@pytest.mark.skipif(_glibc() is None, reason="another C library keeps memory by rules of its own")
def test_memory_that_a_step_frees_is_there_for_the_next() -> None:
    pages = (16 << 20) // resource.getpagesize()
    # In a process of its own: what lies in this one's heap decides where tensors find room.
    found = subprocess.run([sys.executable, "-c", STEPS], capture_output=True, text=True, check=True)
    assert int(found.stdout) < 5 * pages  # of 20 tensors

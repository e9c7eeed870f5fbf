"""How many threads torch computes with."""

from __future__ import annotations

import os
import sys

import torch

from uhd.cores import usable_cores


def choose_threads(asked: int) -> int:
    """Set torch's threads and return their number.

    A network for 64x64 images gains little from more than one thread, and loses most of its speed where the cores are
    shared: every operation then waits for a thread that another program holds up. So the default is one, whatever
    the machine: what a run computes does not depend on who else is busy there.

    Args:
        asked: number of threads; 0 takes ``OMP_NUM_THREADS`` where it is set, else 1. More than there are cores make
            a step slower, and thousands end the process: the number of cores is taken.
    """
    cores = usable_cores()
    if asked > cores:
        print(f"--threads {asked}: {cores} processors may be used here, and so many are taken", file=sys.stderr)  # noqa: T201
        asked = cores
    if asked or not os.environ.get("OMP_NUM_THREADS"):
        torch.set_num_threads(asked or 1)
    return torch.get_num_threads()

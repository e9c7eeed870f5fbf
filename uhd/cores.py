"""How many processors this process may use."""

from __future__ import annotations

import os
from pathlib import Path

_GROUP = Path("/sys/fs/cgroup")


def usable_cores() -> int:
    """Return the number of processors that this process may keep busy, at least 1.

    A container often sees all of the machine's and may use few: by affinity, or by a quota of processor time.
    """
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = cgroup_quota(_GROUP)
    return max(1, affinity if quota is None else min(affinity, int(quota)))


def cgroup_quota(folder: Path) -> float | None:
    """Return how many processors' time a control group may use per period; None without a limit.

    Args:
        folder: where the kernel shows the group, of version 2 or 1.
    """
    try:
        quota, period = (folder / "cpu.max").read_text().split()
    except (OSError, ValueError):  # not version 2
        try:
            quota, period = ((folder / "cpu" / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        except OSError:
            return None
    try:
        share = int(quota) / int(period)
    except (ValueError, ZeroDivisionError):  # "max"
        return None
    return share if share > 0 else None

"""How long functions take, measured in turn."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

LEAST_RUNS = 5


def time_interleaved(
    stages: Mapping[str, Callable[[], object]], runs: int, warmup: int, seconds: float = float("inf")
) -> dict[str, dict[str, float]]:
    """Time functions in turn, so that a machine that slows down slows all of them.

    Args:
        stages: functions by name.
        runs: timed calls of each.
        warmup: calls of each before.
        seconds: stop early when so much time has gone by, but not before ``LEAST_RUNS`` timed calls.

    Returns:
        per name ``mean``, ``std``, ``min``, ``max``, ``p50``, ``p95`` and ``p99`` in milliseconds.
    """
    taken: dict[str, list[float]] = {name: [] for name in stages}
    start = time.perf_counter()
    for i in range(runs + warmup):
        if i >= LEAST_RUNS + warmup and time.perf_counter() - start > seconds:
            break
        for name, stage in stages.items():
            began = time.perf_counter()
            stage()
            if i >= warmup:
                taken[name].append((time.perf_counter() - began) * 1000)
    return {name: summary_of(row) for name, row in taken.items()}


def summary_of(values: list[float]) -> dict[str, float]:
    """Return mean, standard deviation, ends and percentiles of values, in their unit."""
    shares = {f"p{percent}": percentile(values, percent / 100) for percent in (50, 95, 99)}
    ends = {"min": min(values), "max": max(values)}
    return {"mean": statistics.fmean(values), "std": statistics.pstdev(values), **ends, **shares}


def percentile(values: list[float], share: float) -> float:
    """Return the value below which a share of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

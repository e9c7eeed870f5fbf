"""The largest amount of memory that this process has held."""

from __future__ import annotations

import sys


def peak_megabytes() -> float | None:
    """Return the peak of resident memory in MB, or None where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows has no such module
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts kilobytes, macOS bytes.
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)

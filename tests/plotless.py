"""Runs that draw no plots, as where matplotlib is not installed: a short run spends a third of its time on them.

What plots show is tested in ``tests/evaluation``; that a run draws them, where :func:`plots` is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

import pytest

from uhd.detect import pictures


@pytest.fixture(scope="package", autouse=True)
def plotless_runs() -> Iterator[None]:
    """Leave the plots out in every test of the package."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pictures, "find_spec", lambda name: None)
        yield


@contextmanager
def plots() -> Iterator[None]:
    """Draw them nevertheless."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pictures, "find_spec", find_spec)
        yield

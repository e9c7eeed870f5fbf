"""What several test files need: where the shared photographs are, and the closed-form golden inputs."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs the shared folder where it is absent, with the reason."""
    if SHARED.is_dir():
        return
    for item in items:
        if item.get_closest_marker("shared"):
            item.add_marker(pytest.mark.skip(reason="the shared folder of photographs is not beside this checkout"))


def pytest_collection_finish() -> None:
    """Keep the collector of garbage from looking through a million objects of imported libraries again and again."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    """Let everything go at the end, as extensions expect that count what they have handed out."""
    gc.unfreeze()


@pytest.fixture(scope="session")
def people() -> Path:
    """Folder of real photographs with ``train/`` and ``val/``; only for tests marked ``shared``."""
    return SHARED / "data" / "people"

"""What the documentation names exists: tests, files, links."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)", text):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name}: {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_named_tests_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for file, name in re.findall(r"`([\w/]+\.py)::(\w+)`", text):
        path = ROOT / "tests" / file
        assert path.is_file(), f"{page.name}: tests/{file}"
        assert re.search(rf"def {name}\b", path.read_text(encoding="utf-8")), f"{page.name}: {file}::{name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_named_benchmarks_exist(page: Path) -> None:
    for name in re.findall(r"benchmarks/(\w+\.py)", page.read_text(encoding="utf-8")):
        assert (ROOT / "benchmarks" / name).is_file(), f"{page.name}: benchmarks/{name}"

"""What the documentation names exists: tests, files, links."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("docs", "integrations", "examples", "uhd")
PAGES = sorted([ROOT / "README.md", *(page for folder in FOLDERS for page in (ROOT / folder).rglob("*.md"))])


def titles(page: Path) -> set[str]:
    """Return what ``#`` in a link to a page may name."""
    lines = page.read_text(encoding="utf-8").splitlines()
    plain = [re.sub(r"\]\([^)]*\)|[^\w\- ]", "", line.lstrip("# ").lower()) for line in lines if line.startswith("#")]
    return {line.replace(" ", "-") for line in plain}


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)", text):
        if "://" not in target:
            file, _, title = target.partition("#")
            place = page.parent / file if file else page
            assert place.exists(), f"{page.name}: {target}"
            assert not title or title in titles(place / "README.md" if place.is_dir() else place), (
                f"{page.name}: {target}"
            )


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_named_tests_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for file, name in re.findall(r"`([\w/]+\.py)::(\w+)`", text):
        path = ROOT / file  # as one gives it to pytest
        assert path.is_file(), f"{page.name}: {file}"
        assert re.search(rf"def {name}\b", path.read_text(encoding="utf-8")), f"{page.name}: {file}::{name}"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_named_benchmarks_exist(page: Path) -> None:
    for name in re.findall(r"benchmarks/(\w+\.py)", page.read_text(encoding="utf-8")):
        assert (ROOT / "benchmarks" / name).is_file(), f"{page.name}: benchmarks/{name}"

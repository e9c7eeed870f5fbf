"""What the documentation names exists: tests, files, links."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path

import pytest

from uhd.cli.flags import Flags
from uhd.cli.verbs import VERBS

ROOT = Path(__file__).parents[1]
FOLDERS = ("docs", "integrations", "examples", "uhd")
BUILT = {"engine", "node_modules"}  # what `npm` and `node build.mjs` leave in integrations/npm
FOUND = (page for folder in FOLDERS for page in (ROOT / folder).rglob("*.md"))
PAGES = sorted([ROOT / "README.md", *(page for page in FOUND if not BUILT & set(page.relative_to(ROOT).parts))])


class _Parsed(Exception):
    """A command line was understood."""


def commands_in(page: Path) -> Iterator[tuple[str, ...]]:
    """Yield the words behind ``uhd`` of every command that stands on a line of its own."""
    text = re.sub(r"\\\n\s*", " ", page.read_text(encoding="utf-8"))
    for line in re.findall(r"^(?:    |\$ )?uhd ([a-z].*)$", text, re.MULTILINE):
        words = shlex.split(re.sub(r"[\[\]]", "", line.split(" | ")[0].split(" > ")[0]), comments=True)
        if words[0] in VERBS and "..." not in words:
            yield tuple(words)


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


COMMANDS = sorted({command for page in PAGES for command in commands_in(page)})


@pytest.mark.parametrize("verb", sorted({words[0] for words in COMMANDS}))
def test_the_flags_of_every_command_exist(verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader who copies a line of the documentation is not told of an unknown flag."""
    original = Flags._parse

    def parse_only(self: Flags, argv: Sequence[str]) -> None:
        original(self, argv)
        raise _Parsed

    monkeypatch.setattr(Flags, "_parse", parse_only)
    for words in COMMANDS:
        if words[0] != verb:
            continue
        found, rest = VERBS[words[0]], list(words[1:])
        while found.verbs:
            found = found.verbs[rest.pop(0)]
        with pytest.raises(_Parsed):
            import_module(found.module).main(rest)

"""The guide's snippets import this package and run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

GUIDE = Path(__file__).parents[1] / "docs" / "guide"
CHAPTERS = sorted(path for path in GUIDE.glob("*.md") if path.name != "README.md")


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_snippets_run(chapter: Path) -> None:
    snippets = re.findall(r"^```python\n(.*?)^```", chapter.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert snippets, "a chapter shows how"
    for snippet in snippets:
        assert "from uhd" in snippet
        assert "assert" in snippet
        exec(compile(snippet, str(chapter), "exec"), {"__name__": chapter.stem})


def test_every_chapter_is_in_the_table() -> None:
    listed = set(re.findall(r"\(([\w-]+\.md)\)", (GUIDE / "README.md").read_text(encoding="utf-8")))
    assert listed == {path.name for path in CHAPTERS}


@pytest.mark.parametrize("page", sorted(GUIDE.glob("*.md")), ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
        assert "://" in target or (page.parent / target).exists(), target

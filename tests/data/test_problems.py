from __future__ import annotations

import json

import pytest

from uhd.data.problems import EXAMPLES_KEPT, Report
from uhd.errors import UserError


def test_counts_all_and_keeps_the_first() -> None:
    report = Report()
    for i in range(100):
        report.problem("bad", f"f:{i}: x")
    report.note("fact", 0)
    report.note("other", 2)
    assert report.total == 100
    assert len(report.examples["bad"]) == EXAMPLES_KEPT
    assert report.lines(2) == ["2 x other", "skipped 100 x bad", "  f:0: x", "  f:1: x", "  ... and 98 more"]
    assert json.loads(json.dumps(report.to_dict()))["counts"] == {"bad": 100}


def test_strict_raises_with_the_place() -> None:
    with pytest.raises(UserError, match=r"f:3: x.*--strict"):
        Report(strict=True).problem("bad", "f:3: x")

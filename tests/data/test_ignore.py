from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from uhd.data.ignore import IgnoreRegions
from uhd.data.problems import BAD_IGNORE, Report
from uhd.errors import UserError


def test_beside_wins_over_above(tmp_path: Path) -> None:
    folder = tmp_path / "train"
    folder.mkdir()
    (tmp_path / "ignore.json").write_text(json.dumps({"a": [[0.5, 0.5, 0.2, 0.4]], "b": [[0.9, 0.5, 0.4, 1.0]]}))
    (folder / "ignore.json").write_text(json.dumps({"a": []}))
    ignore = IgnoreRegions(Report())
    assert ignore.of(folder / "a.jpg").shape == (0, 4)
    np.testing.assert_allclose(ignore.of(folder / "b.jpg"), [[0.7, 0, 1, 1]], atol=1e-6)
    assert ignore.of(folder / "c.jpg").shape == (0, 4)
    assert ignore.of(tmp_path / "a.jpg").dtype == np.float32


def test_bad_regions_are_counted(tmp_path: Path) -> None:
    (tmp_path / "ignore.json").write_text('{"a": [[0.5, 0.5, 0.2], [0.5, 0.5, -1, 1], [0.5, 0.5, 0.1, 0.1], "x"]}')
    report = Report()
    assert len(IgnoreRegions(report).of(tmp_path / "a.jpg")) == 1
    assert report.counts[BAD_IGNORE] == 3


@pytest.mark.parametrize("text", ["{", "[1]"])
def test_broken_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "ignore.json").write_text(text)
    with pytest.raises(UserError, match=r"ignore\.json"):
        IgnoreRegions(Report()).of(tmp_path / "a.jpg")

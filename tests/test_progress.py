from __future__ import annotations

import pytest

from uhd import progress


def test_every_item_comes_through_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(progress.watched(["a", "b", "c"], "photograph", seconds=3600)) == ["a", "b", "c"]
    assert capsys.readouterr() == ("", "")  # too soon for a line


def test_without_a_terminal_lines_say_how_far_it_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(0, 1000, 2))
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(clock)))
    assert list(progress.watched(range(100), "photograph", seconds=60)) == list(range(100))
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[0] == "photograph 29 of 100, 0.5 a second, 2 min left"
    assert len(err.splitlines()) == 3


def test_nothing_is_walked_through_silently(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(progress.watched([], "photograph")) == []
    assert capsys.readouterr() == ("", "")

from __future__ import annotations

import urllib.request
from pathlib import Path

import numpy as np
import pytest

from uhd.errors import UserError
from uhd.runtime import view
from uhd.runtime.view import has_window, open_view

FRAME = np.zeros((16, 16, 3), np.uint8)


@pytest.fixture(autouse=True)
def headless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "has_window", lambda: False)


def test_without_a_window_a_camera_is_served_and_says_so() -> None:
    with open_view(live=True, fps=30) as live:
        assert "no window" in live.description
        address = live.description.split("watch at ")[1]
        assert address.startswith("http://127.0.0.1:")
        live.write(FRAME)
        assert urllib.request.urlopen(address, timeout=5).status == 200
        assert not live.wants_quit


def test_a_recording_is_enough_and_both_are_possible(tmp_path: Path) -> None:
    with open_view(live=True, fps=30, record=tmp_path / "a.mp4") as only:
        only.write(FRAME)
        assert "watch" not in only.description
    with open_view(live=False, fps=30, record=tmp_path / "b.mp4", port=0) as both:
        both.write(FRAME)
        assert "watch" in both.description
        assert "b.mp4" in both.description
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "b.mp4"]


def test_a_video_that_nobody_would_see_is_refused() -> None:
    with pytest.raises(UserError, match="--record"):
        open_view(live=False, fps=30)


def test_no_display_no_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr(view.sys, "platform", "linux")
    assert not has_window()


def test_a_film_waits_for_its_viewer_and_plays_at_its_own_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, slept = [100.0], []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock[0] += seconds

    with open_view(live=False, fps=10, port=0, title="walk.mp4") as film:
        monkeypatch.setattr(view.time, "monotonic", lambda: clock[0])
        monkeypatch.setattr(view.time, "sleep", sleep)
        for spent in (0.0, 0.02, 0.3, 0.04):
            clock[0] += spent
            film.write(FRAME, "2 in view")
        monkeypatch.undo()
        # The third frame came late, so the fourth is due a tenth of a second after it.
        assert slept == pytest.approx([0, 0.08, 0, 0.06])
        assert not film.wait_for_viewer(0.01)
        address = film.description.split("watch at ")[1]
        urllib.request.urlopen(f"{address}stream.mjpg", timeout=5)
        assert film.wait_for_viewer(5)
        page = urllib.request.urlopen(address, timeout=5).read().decode()
        assert "<title>walk.mp4" in page
        assert urllib.request.urlopen(f"{address}told", timeout=5).read() == b"2 in view"


def test_a_recording_without_a_browser_waits_for_nobody(tmp_path: Path) -> None:
    with open_view(live=False, fps=30, record=tmp_path / "a.mp4") as only:
        assert only.wait_for_viewer(0)

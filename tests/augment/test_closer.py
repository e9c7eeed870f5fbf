"""A closer look shows one object in a square window; what was said of the whole picture stays behind."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.augment.conftest import photograph
from uhd.augment.closer import CloserLook, window_around
from uhd.augment.view import View
from uhd.augment.visible import WHOLE, objects_in
from uhd.objects import Objects

sides = st.integers(1, 300)


@given(sides, sides, st.integers(0, 2**32), st.floats(1.0, 5.0))
def test_a_window_lies_in_the_picture_and_is_square_where_there_is_room(
    height: int, width: int, seed: int, factor: float
) -> None:
    rng = np.random.default_rng(seed)
    corners = np.sort(rng.uniform(0, (width, height), (2, 2)), 0)
    left, top, right, bottom = window_around(corners.ravel().astype(np.float32), (height, width), factor)
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height
    wanted = max(1, round(factor * float((corners[1] - corners[0]).max())))
    assert abs((right - left) - min(width, wanted)) <= 1
    assert abs((bottom - top) - min(height, wanted)) <= 1
    # The whole box is in it, to the pixel that rounding may take.
    assert (corners >= np.array([left, top]) - 1).all()
    assert (corners <= np.array([right, bottom]) + 1).all()


def test_windows_in_closed_form() -> None:
    box = np.array([40, 20, 60, 60], np.float32)
    assert window_around(box, (200, 100), 2.0) == (10, 0, 90, 80)
    assert window_around(box, (60, 100), 2.0) == (10, 0, 90, 60)
    assert window_around(box, (60, 70), 2.0) == (0, 0, 70, 60)
    assert window_around(np.array([5, 5, 5, 5], np.float32), (9, 9), 2.0) == (4, 4, 5, 5)


def small(texts: bool = True) -> View:
    """Return a view of a photograph with a small object and another at the other end."""
    view = View.of(photograph(200, 300, 0, 0))
    boxes = np.array([[0.1, 0.1, 0.2, 0.3], [0.8, 0.7, 0.9, 0.9]], np.float32)
    objects = Objects(boxes, np.zeros(2, np.int64), np.zeros(2, bool), texts=(("one",), ("two",)) if texts else None)
    return replace(view, objects=objects)


@given(st.integers(0, 2**32))
def test_the_object_looked_at_fills_the_window_and_has_no_text(seed: int) -> None:
    view = CloserLook(1.0)(small(), np.random.default_rng(seed))
    assert view.objects.texts is None
    seen = objects_in([(view, WHOLE)])
    assert seen.count == 1
    longest = float((seen.boxes[0, 2:] - seen.boxes[0, :2]).max())
    assert 1 / 3.1 < longest < 1 / 1.2


def test_what_a_window_would_show_nearly_whole_keeps_its_texts() -> None:
    view = small()
    large = replace(view, objects=view.objects.take(slice(0, 1), boxes=np.array([[0.1, 0.0, 0.9, 1.0]], np.float32)))
    rng = np.random.default_rng(0)
    assert CloserLook(1.0)(large, rng) is large
    assert CloserLook(0.0)(view, rng) is view
    assert CloserLook(1.0)(replace(view, objects=Objects.empty()), rng).window == view.window

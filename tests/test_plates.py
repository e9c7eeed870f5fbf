"""No text lies on another, none leaves the picture, heads stay free, and letters stand out from their plate."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from uhd.draw import COLOURS, DARK, letter_size
from uhd.lettering import contrast, ink_on, luminance
from uhd.plates import Plate, Plates


def crowd(count: int, height: int, width: int, seed: int) -> list[list[int]]:
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 0.8, (count, 2)) * (width, height)
    extent = rng.uniform(0.05, 0.4, (count, 2)) * (width, height)
    return np.concatenate([corner, np.minimum(corner + extent, (width, height))], 1).astype(int).tolist()


def shared(one: Plate, other: Plate) -> bool:
    a, b = one.place, other.place
    return min(a[2], b[2]) > max(a[0], b[0]) and min(a[3], b[3]) > max(a[1], b[1])


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("height", "width"), [(64, 64), (192, 256), (480, 640), (1080, 1920), (300, 40)])
def test_plates_never_overlap_and_never_leave_the_picture(height: int, width: int, seed: int) -> None:
    plates = Plates((height, width), letter_size(max(height, width)))
    boxes = crowd(15, height, width, seed)
    plates.keep_off(boxes)
    plates.note("2.33 ms", (0, 0), DARK)
    plates.note("line 1: forward 3, backward 12", (width // 3, height // 2), DARK)
    for number, box in enumerate(boxes):
        plates.label((f"#{number} person 0.{number:02}", f"#{number}"), box, COLOURS[number % len(COLOURS)])
    assert not any(shared(one, other) for one, other in combinations(plates.placed, 2))
    assert all(p.place[0] >= 0 and p.place[1] >= 0 for p in plates.placed)
    assert all(p.place[2] <= width and p.place[3] <= height for p in plates.placed)
    if width >= 640:
        assert len(plates.placed) == 17


def test_a_head_stays_free_where_there_is_other_room() -> None:
    plates = Plates((200, 300), 11)
    behind, before = [100, 40, 160, 180], [100, 58, 160, 190]  # the label of one would hide the other's head
    plates.keep_off([behind, before])
    plate = plates.label(("person 0.90",), before, COLOURS[0])
    assert plate is not None
    for head in ([100, 40, 160, 82], [100, 58, 160, 97]):
        assert not shared(plate, Plate("", tuple(head), DARK, 1))  # type: ignore[arg-type]


def test_a_text_that_has_no_room_becomes_shorter_then_nothing() -> None:
    plates = Plates((40, 60), 9)
    plate = plates.label(("somebody with a long name 0.90", "0.90"), [5, 12, 30, 38], COLOURS[0])
    assert plate is not None
    assert plate.text == "0.90"
    assert Plates((8, 8), 9).label(("0.90",), [0, 0, 8, 8], COLOURS[0]) is None
    assert Plates((8, 8), 9).note("0.90", (0, 0), DARK) is None


@pytest.mark.parametrize("size", [9, 11, 14, 24, 40])
@pytest.mark.parametrize("colour", [*COLOURS, DARK, (255, 255, 255)])
def test_letters_are_readable_on_their_plate(size: int, colour: tuple[int, int, int]) -> None:
    plates = Plates((120, 600), size)
    plate = plates.note("#108 person 0.90", (0, 0), colour)
    assert plate is not None
    canvas = np.zeros((120, 600, 3), np.uint8)
    plate.paint(canvas)
    left, top, right, bottom = plate.place
    inside = canvas[top:bottom, left:right].reshape(-1, 3)
    ratios = np.array([contrast(tuple(pixel), colour) for pixel in np.unique(inside, axis=0).tolist()])
    assert ratios.max() >= 4.5
    ink = np.abs(inside.astype(int) - ink_on(colour)).max(1) < 100
    assert 0.06 < ink.mean() < 0.5  # strokes, neither specks nor blots
    # The letters end before the plate does.
    border = np.concatenate([canvas[top, left:right], canvas[bottom - 1, left:right], canvas[top:bottom, right - 1]])
    assert (border == colour).all()
    assert not canvas[bottom:].any()
    assert not canvas[:, right:].any()


def test_contrast_is_that_of_the_guidelines() -> None:
    assert contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)
    assert contrast((119, 119, 119), (255, 255, 255)) == pytest.approx(4.48, abs=0.01)
    assert luminance((255, 0, 0)) == pytest.approx(0.2126)

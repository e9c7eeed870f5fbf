"""Drawing leaves the image it was given alone and stays readable on tiny ones."""

from __future__ import annotations

import numpy as np

from uhd.detections import Detections
from uhd.draw import Outline, draw, enlarge


def _found(boxes: list[list[float]], side: int = 64) -> Detections:
    count = len(boxes)
    return Detections(
        xyxy=np.array(boxes, np.float32).reshape(-1, 4),
        scores=np.full(count, 0.9, np.float32),
        class_ids=np.zeros(count, np.int64),
        class_names=("person",),
        image_size=(side, side),
    )


def test_the_image_given_stays_as_it_was() -> None:
    image = np.zeros((160, 160, 3), np.uint8)
    drawn = draw(image, _found([[20, 20, 90, 100]], 160))
    assert not image.any()
    assert drawn.any()


def test_labels_leave_most_of_a_tiny_image_visible() -> None:
    image = np.zeros((64, 64, 3), np.uint8)
    drawn = draw(image, _found([[20, 30, 44, 62]]))
    assert (drawn != 0).any(-1).mean() < 0.35


def test_a_box_far_outside_is_drawn_without_overflow() -> None:
    image = np.zeros((64, 64, 3), np.uint8)
    assert draw(image, _found([[-1e12, -1e12, 1e12, 1e12]])).shape == image.shape


def test_a_small_picture_is_enlarged_by_a_whole_number() -> None:
    image = np.random.default_rng(0).integers(0, 255, (30, 40, 3), np.uint8)
    large = enlarge(image, 100)
    assert large.shape == (90, 120, 3)
    np.testing.assert_array_equal(large[1::3, 1::3], image)
    assert enlarge(large, 100) is large


def test_notes_and_outlines_are_drawn_and_nothing_else_changes() -> None:
    image = np.zeros((240, 320, 3), np.uint8)
    line = Outline(np.array([[20.0, 200.0], [300.0, 200.0]]), text="forward 3", colour=(255, 0, 255))
    drawn = draw(image, _found([], 320), notes=("2.3 ms", "12 people"), outlines=(line,))
    assert (drawn[200, 200:300] == (255, 0, 255)).all()
    assert drawn[:40, :60].any()
    assert not drawn[60:190].any()

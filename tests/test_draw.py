"""Drawing leaves the image it was given alone and stays readable on tiny ones."""

from __future__ import annotations

import numpy as np

from uhd.detections import Detections
from uhd.draw import draw


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

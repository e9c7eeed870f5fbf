from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from uhd.assigners.targets import Targets


def arrays() -> SimpleNamespace:
    boxes = np.zeros((3, 2, 4), np.float32)
    boxes[0, :] = [[0, 0, 0.5, 0.5], [0.2, 0.2, 0.4, 0.9]]
    boxes[2, 0] = [0.1, 0.1, 0.3, 0.3]
    labels = np.array([[0, 2], [-1, -1], [1, -1]])
    ignore = np.zeros((3, 1, 4), np.float32)
    ignore[1, 0] = [0, 0, 1, 0.5]
    return SimpleNamespace(boxes=boxes, labels=labels, ignore=ignore)


def test_lists_the_real_boxes_and_regions():
    targets = Targets.from_batch(arrays())
    assert targets.people.image.tolist() == [0, 0, 2]
    assert targets.people.slot.tolist() == [0, 1, 0]
    assert targets.people_labels.tolist() == [0, 2, 1]
    np.testing.assert_array_equal(targets.people.boxes, arrays().boxes[[0, 0, 2], [0, 1, 0]])
    assert targets.regions.image.tolist() == [1]


def test_a_batch_without_anything():
    targets = Targets(torch.zeros(2, 0, 4), torch.zeros(2, 0, dtype=torch.int64), torch.zeros(2, 0, 4))
    assert targets.people.boxes.shape == (0, 4)
    assert targets.regions.boxes.shape == (0, 4)


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="do not fit"):
        Targets(torch.zeros(2, 3, 4), torch.zeros(2, 2, dtype=torch.int64), torch.zeros(2, 1, 4))
    with pytest.raises(ValueError, match="do not fit"):
        Targets(torch.zeros(2, 3, 4), torch.zeros(2, 3, dtype=torch.int64), torch.zeros(1, 1, 4))


def test_moving_keeps_everything():
    moved = Targets.from_batch(arrays()).to("meta")
    assert moved.boxes.is_meta
    assert moved.people.boxes.is_meta
    assert moved.regions.image.shape == (1,)

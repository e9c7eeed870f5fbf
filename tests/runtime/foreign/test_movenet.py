"""Poses of people in crops: where a keypoint of the square lies in the photograph."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.runtime.foreign.teacher_of_poses import write_teacher
from uhd.errors import UserError
from uhd.model_file import model_file
from uhd.runtime.foreign import ForeignPoses, kind_of, open_poses
from uhd.runtime.foreign.movenet import square_around


def test_the_square_is_black_beyond_the_picture() -> None:
    image = np.full((20, 40, 3), 9, np.uint8)
    square, corner, side = square_around(image, np.float32([0, 0, 10, 20]), 1.5)
    assert (side, corner.tolist()) == (30, [-10, -5])
    assert square.shape == (30, 30, 3)
    assert (square[5:25, 10:] == 9).all()
    assert square.sum() == 20 * 20 * 3 * 9
    assert not square_around(image, np.float32([100, 100, 120, 120]), 1.0)[0].any()


def test_keypoints_come_back_to_the_photograph(tmp_path: Path) -> None:
    answer = np.tile(np.float32([0.5, 0.5, 0.9]), (17, 1))
    answer[1] = (0.5 - 0.5 / 1.25, 0.5 - 0.25 / 1.25, 0.4)  # the left upper corner of a box twice as high as wide
    path = write_teacher(tmp_path / "poses.onnx", answer)
    poses = open_poses(path)
    assert isinstance(poses, ForeignPoses)
    boxes = np.float32([[0.1, 0.2, 0.3, 0.6], [0.5, 0.0, 1.0, 1.0]])
    found = poses(np.zeros((200, 200, 3), np.uint8), boxes)
    assert found.shape == (2, 17, 3)
    assert found[:, 0, :2] == pytest.approx((boxes[:, :2] + boxes[:, 2:]) / 2, abs=1e-6)
    assert found[:, 1, :2] == pytest.approx(boxes[:, :2], abs=1e-6)
    assert found[:, :2, 2] == pytest.approx(np.float32([[0.9, 0.4]] * 2))
    assert poses(np.zeros((9, 9, 3), np.uint8), boxes[:0]).shape == (0, 17, 3)
    assert kind_of(path) is None  # no detector


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="MoveNet"):
        open_poses(model_file("small"))
    with pytest.raises(UserError, match="no such file"):
        open_poses(tmp_path / "none.onnx")

"""The drawn world: exact keypoints and masks, nothing left to chance but the seed."""

from __future__ import annotations

import numpy as np
import pytest

from uhd.refer.world.figure import ANKLE, EAR, POSES, SHOULDER, WRIST, Figure, draw_figure
from uhd.refer.world.scene import draw_scene, paint

SCENES = [draw_scene(np.random.default_rng([7, i])) for i in range(12)]


def test_one_seed_is_one_scene() -> None:
    again = draw_scene(np.random.default_rng([7, 0]))
    assert np.array_equal(again.image, SCENES[0].image)
    assert not np.array_equal(SCENES[1].image, SCENES[0].image)


def test_masks_do_not_overlap_and_boxes_fit_them() -> None:
    for scene in SCENES:
        total = np.sum([person.mask for person in scene.people], 0)
        assert total.max() == 1
        for person in scene.people:
            left, top, right, bottom = person.box.astype(int)
            inside = person.mask[top:bottom, left:right]
            assert inside.sum() == person.mask.sum()
            assert inside[0].any()
            assert inside[-1].any()
            assert inside[:, 0].any()
            assert inside[:, -1].any()


def test_seen_keypoints_lie_on_the_person_and_covered_ones_do_not() -> None:
    seen = covered = 0
    for scene in SCENES:
        for person in scene.people:
            x, y = person.keypoints[:, :2].round().astype(int).T
            for k in range(17):
                visibility = person.keypoints[k, 2]
                if visibility == 0:
                    assert not person.keypoints[k].any()
                elif visibility == 2:
                    seen += 1
                    assert person.mask[y[k], x[k]]
                elif not person.figure.from_behind:
                    covered += 1
                    assert not person.mask[y[k], x[k]]
    assert seen > 200
    assert covered > 5


def test_who_stands_nearer_covers_who_stands_behind() -> None:
    far, near = Figure(64, 90, 70, shirt="blue"), Figure(66, 110, 90, shirt="red")
    scene = paint([far, near], np.full((128, 128, 3), 120, np.uint8), np.random.default_rng(0))
    if scene is None:  # all but hidden, as wanted
        apart = paint([Figure(40, 90, 70), near], np.full((128, 128, 3), 120, np.uint8), np.random.default_rng(0))
        assert apart is not None
    else:
        assert scene.people[1].mask.sum() == draw_figure(np.zeros((128, 128, 3), np.uint8), near).sum()


@pytest.mark.parametrize("behind", [False, True])
def test_left_is_the_persons_own(behind: bool) -> None:
    joints = Figure(100, 200, 150, pose="raising the left arm", from_behind=behind).joints
    assert joints[WRIST, 1] < joints[EAR, 1] < joints[WRIST + 1, 1]
    on_the_right = joints[SHOULDER, 0] > joints[SHOULDER + 1, 0]
    assert on_the_right != behind  # who faces the viewer has the left arm on the right of the picture


@pytest.mark.parametrize("pose", POSES)
def test_every_pose_stands_on_the_floor(pose: str) -> None:
    joints = Figure(100, 200, 150, pose=pose).joints
    assert joints[[ANKLE, ANKLE + 1], 1].max() == pytest.approx(200)
    assert joints[:, 1].min() > 200 - 150 * 1.25

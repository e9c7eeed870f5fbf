from __future__ import annotations

import numpy as np

from uhd.evaluation.matching import match
from uhd.evaluation.similarity import COCO_SIGMAS, mask_overlaps, oks_matrix
from uhd.objects import Objects


def test_keypoints_in_place_are_alike_and_unknown_ones_do_not_count() -> None:
    truth = np.zeros((2, 17, 3), np.float32)
    truth[..., :2] = np.random.default_rng(0).random((2, 17, 2)) * 100
    truth[0, :, 2], truth[1, :3, 2] = 2, 1
    found = truth.copy()
    found[1, 3:, :2] += 50
    like = oks_matrix(found, truth, np.array([900.0, 900.0], np.float32))
    np.testing.assert_allclose(np.diag(like), 1)
    assert like[0, 1] < 0.5


def test_one_spread_away_is_worth_what_coco_says() -> None:
    truth = np.array([[[10.0, 10.0, 2.0]]], np.float32)
    found = truth[..., :2] + np.array([2 * COCO_SIGMAS[0] * 30, 0], np.float32)
    like = oks_matrix(found, truth, np.array([900.0], np.float32), COCO_SIGMAS[:1])
    np.testing.assert_allclose(like, np.exp(-0.5), rtol=1e-5)


def test_masks_overlap_by_pixels() -> None:
    left, top = np.zeros((2, 4, 4), bool)
    left[:, :2], top[:2] = True, True
    both, either = mask_overlaps([left, top], [left])
    np.testing.assert_array_equal(both, [[8], [4]])
    np.testing.assert_array_equal(either, [[8], [12]])
    assert mask_overlaps([], [left])[0].shape == (0, 1)


def test_matching_takes_the_similarity_that_it_is_given() -> None:
    boxes = np.array([[0.0, 0.0, 0.5, 0.5], [0.5, 0.5, 1.0, 1.0]], np.float32)
    truth = Objects.of(boxes, np.zeros(2, np.int64))
    found = (boxes, np.array([0.9, 0.8], np.float32), np.zeros(2, np.int64))
    crossed = np.array([[0.0, 0.7], [0.6, 0.0]], np.float32)
    matches = match([found], [truth], np.array([0.5]), [crossed])
    assert matches.matched.tolist() == [[1, 0]]
    assert match([found], [truth], np.array([0.5])).matched.tolist() == [[0, 1]]

from __future__ import annotations

import torch

from uhd.assigners.legacy import LegacyAssigner


def test_cell_of_the_centre_and_anchor_of_most_like_shape(targets_of, random_head):
    predictions, grid = random_head(1)
    got = LegacyAssigner()(predictions, targets_of([[[0.30, 0.60, 0.38, 0.78]]]), grid)
    column, row, anchor = 2, 5, 1  # centre (0.34, 0.69); the second prior is 0.08 x 0.18
    assert (got.gt_index[0] >= 0).nonzero().flatten().tolist() == [anchor * 64 + row * 8 + column]


def test_the_last_of_two_in_one_place_owns_and_both_claim(targets_of, random_head):
    predictions, grid = random_head(1)
    targets = targets_of([[[0.30, 0.60, 0.38, 0.78], [0.305, 0.60, 0.385, 0.78]]])
    got = LegacyAssigner()(predictions, targets, grid)
    assert got.gt_index.max() == 1
    assert got.claims.flatten().tolist() == [True, True]
    assert got.owns.flatten().tolist() == [False, True]


def test_centres_on_the_edge_stay_inside(targets_of, random_head):
    predictions, grid = random_head(1)
    got = LegacyAssigner()(predictions, targets_of([[[0.98, 0.98, 1.02, 1.02]]]), grid)
    assert int((got.gt_index[0] >= 0).nonzero()) % 64 == 63
    assert torch.isfinite(got.iou).all()

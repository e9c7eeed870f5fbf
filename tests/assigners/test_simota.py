from __future__ import annotations

import pytest
import torch

from uhd.assigners.assignment import Grid, Predictions
from uhd.assigners.pairs import near_centre
from uhd.assigners.simota import SimOTAAssigner
from uhd.assigners.simota_legacy import SimOTALegacyAssigner

BOX = [0.3, 0.3, 0.7, 0.7]


def two_equal_boxes(scores: list[float]) -> tuple[Predictions, Grid]:
    """One anchor on a 1x2 grid: the same box twice, told apart by the score only."""
    grid = Grid(1, 2, torch.tensor([[0.4, 0.4]]))
    return Predictions(torch.tensor([[BOX, BOX]]), torch.tensor([scores])[..., None]), grid


@pytest.mark.parametrize(("scores", "winner"), [([0.9, 0.1], 0), ([0.1, 0.9], 1)])
def test_the_cost_decides(targets_of, scores, winner):
    predictions, grid = two_equal_boxes(scores)
    got = SimOTAAssigner(topk=1)(predictions, targets_of([[BOX]]), grid)
    assert got.gt_index[0].argmax() == winner


def test_only_cells_near_the_centre(targets_of, random_head):
    targets, (predictions, grid) = targets_of([[[0.1, 0.1, 0.4, 0.5]]]), random_head(1)
    got = SimOTAAssigner()(predictions, targets, grid)
    near = near_centre(targets, grid, 1.0, 0.75).flatten(1).repeat(1, len(grid.priors))[0]
    assert (got.gt_index[0] >= 0).any()
    assert near[got.gt_index[0] >= 0].all()


def test_the_cheaper_person_wins(targets_of):
    predictions, grid = two_equal_boxes([0.9, 0.5])
    other = [0.35, 0.3, 0.75, 0.7]
    got = SimOTAAssigner()(predictions, targets_of([[other, BOX]]), grid)
    assert got.gt_index[0, 0] == 1


def test_as_the_original_the_first_in_file_order_wins_and_the_other_gets_none(targets_of):
    predictions, grid = two_equal_boxes([0.9, 0.5])
    other = [0.35, 0.3, 0.75, 0.7]
    first = SimOTALegacyAssigner(topk=1)(predictions, targets_of([[other, BOX]]), grid)
    assert sorted(first.gt_index[0].tolist()) == [-1, 0]
    assert first.claims.flatten().tolist() == [True, False]

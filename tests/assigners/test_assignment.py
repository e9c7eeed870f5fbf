from __future__ import annotations

import pytest
import torch

from uhd.assigners import build_assigner
from uhd.assigners.assignment import owners
from uhd.assigners.config import ASSIGNERS
from uhd.assigners.pairs import iou_table, near_centre, score_table, wh_iou
from uhd.config import preset
from uhd.losses.config import LossConfig
from uhd.losses.iou import aligned_iou

TWO = [[[0.1, 0.1, 0.5, 0.6], [0.4, 0.3, 0.9, 0.95]], [], [[0.3, 0.2, 0.7, 0.8]]]


def assign(name, predictions, targets, grid):
    return build_assigner(preset(LossConfig, anchor_assigner=name))(predictions, targets, grid)


@pytest.mark.parametrize("name", ASSIGNERS)
def test_the_two_views_of_an_assignment_agree(name, targets_of, random_head):
    targets, (predictions, grid) = targets_of(TWO), random_head(3)
    got = assign(name, predictions, targets, grid)
    image, n = (got.gt_index >= 0).nonzero(as_tuple=True)
    assert len(image) == int(got.owns.sum()) >= 3
    assert not (got.owns & ~got.claims).any()
    wanted = targets.boxes[image, got.gt_index[image, n]]
    torch.testing.assert_close(got.iou[image, n], aligned_iou(predictions.boxes[image, n], wanted)[1])
    assert (got.iou[got.gt_index < 0] == 0).all()
    person, column = got.owns.nonzero(as_tuple=True)
    listed = torch.stack([got.prediction[person, column], targets.people.slot[person]], 1)
    dense = torch.stack([image * grid.predictions + n, got.gt_index[image, n]], 1)
    assert sorted(listed.tolist()) == sorted(dense.tolist())


@pytest.mark.parametrize("name", ASSIGNERS)
def test_images_do_not_influence_each_other(name, targets_of, random_head):
    predictions, grid = random_head(3)
    together = assign(name, predictions, targets_of(TWO), grid)
    for i, people in enumerate(TWO):
        one = type(predictions)(predictions.boxes[i : i + 1], predictions.scores[i : i + 1])
        alone = assign(name, one, targets_of([people]), grid)
        torch.testing.assert_close(alone.gt_index[0], together.gt_index[i])


@pytest.mark.parametrize("name", ASSIGNERS)
def test_nobody_anywhere(name, targets_of, random_head):
    predictions, grid = random_head(2)
    got = assign(name, predictions, targets_of([[], []]), grid)
    assert (got.gt_index == -1).all()
    assert got.owns.numel() == 0


def test_owners_by_priority_then_order():
    prediction = torch.tensor([[0, 1], [0, 2], [0, 2]])
    claims = torch.tensor([[True, True], [True, True], [False, True]])
    priority = torch.tensor([[0.3, 0.1], [0.5, 0.2], [0.9, 0.2]])
    assert owners(prediction, claims, priority, 4).tolist() == [1, 0, 1, 3]


def test_tables(targets_of, random_head):
    targets, (predictions, grid) = targets_of(TWO, [[1, 2], [], [0]]), random_head(3, classes=3)
    iou, score = iou_table(predictions, targets), score_table(predictions, targets)
    for t, (image, label) in enumerate([(0, 1), (0, 2), (2, 0)]):
        expected = aligned_iou(predictions.boxes[image], targets.people.boxes[t].expand(grid.predictions, 4))[1]
        torch.testing.assert_close(iou[t], expected)
        torch.testing.assert_close(score[t], predictions.scores[image, :, label])


def test_near_centre_reaches_by_size_and_at_least_some_cells(targets_of, random_head):
    grid = random_head(1)[1]
    targets = targets_of([[[0.25, 0.25, 0.75, 0.75], [0.5, 0.5, 0.51, 0.51], [0.99, 0.0, 1.0, 1.0]]])
    big, small, edge = near_centre(targets, grid, radius=0.8, min_radius_cells=0.75)
    rows, columns = big.nonzero(as_tuple=True)
    # 0.8 of a half size of 2 cells is 1.6: centres 2.5 to 5.5 around 4 are 1.5 away or less.
    assert rows.unique().tolist() == columns.unique().tolist() == [2, 3, 4, 5]
    assert small.nonzero().tolist() == [[3, 3], [3, 4], [4, 3], [4, 4]]
    assert edge.any(0).nonzero().flatten().tolist() == [7]
    none = near_centre(targets, grid, radius=0.0, min_radius_cells=0.0)
    assert none[1].nonzero().tolist() == [[4, 4]], "the cell that holds the centre"


def test_shape_overlap():
    sizes = wh_iou(torch.tensor([[0.2, 0.4]]), torch.tensor([[0.2, 0.4], [0.1, 0.4], [0.4, 0.2]]))
    torch.testing.assert_close(sizes, torch.tensor([[1.0, 0.5, 1 / 3]]), rtol=1e-4, atol=1e-5)

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from uhd.assigners.assignment import Grid, Predictions
from uhd.assigners.targets import Targets
from uhd.assigners.task_aligned import TaskAlignedAssigner

UNIT = st.floats(0.0, 1.0, width=32)


@st.composite
def boxes(draw: st.DrawFn, least: float = 0.01) -> list[float]:
    w, h = draw(st.floats(least, 0.9)), draw(st.floats(least, 0.9))
    x, y = draw(UNIT) * (1 - w), draw(UNIT) * (1 - h)
    return [x, y, x + w, y + h]


def reference(predictions: Predictions, targets: Targets, grid: Grid) -> list[dict[int, int]]:
    """Straight from the words: loops over people; predictions owned per image, before anybody is rescued."""
    result = []
    for image in range(len(targets.boxes)):
        owned: dict[int, tuple[float, int]] = {}
        for slot in range(targets.labels.shape[1]):
            if targets.labels[image, slot] < 0:
                continue
            x1, y1, x2, y2 = targets.boxes[image, slot].double().tolist()
            entries = []
            for n in range(grid.predictions):
                row, column = n % grid.cells // grid.width, n % grid.width
                far = max(
                    abs((column + 0.5) / grid.width - (x1 + x2) / 2) - max(0.8 * (x2 - x1) / 2, 0.75 / grid.width),
                    abs((row + 0.5) / grid.height - (y1 + y2) / 2) - max(0.8 * (y2 - y1) / 2, 0.75 / grid.height),
                )
                if far > 0:
                    continue
                a, b, c, d = predictions.boxes[image, n].double().tolist()
                overlap = max(0.0, min(c, x2) - max(a, x1)) * max(0.0, min(d, y2) - max(b, y1))
                iou = overlap / ((c - a) * (d - b) + (x2 - x1) * (y2 - y1) - overlap)
                entries.append((float(predictions.scores[image, n, 0]) ** 0.5 * iou**4, iou, n))
            k = min(10, max(1, round(sum(sorted((iou for _, iou, _ in entries), reverse=True)[:10]))))
            for _, iou, n in sorted(entries, reverse=True)[:k]:
                if n not in owned or iou > owned[n][0]:
                    owned[n] = (iou, slot)
        result.append({n: slot for n, (_, slot) in owned.items()})
    return result


@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_a_straightforward_reference(targets_of, random_head, seed):
    rng = np.random.default_rng(seed)
    people = []
    for _ in range(6):
        corners = rng.uniform(0, 0.6, (3, 2))
        people.append(np.concatenate([corners, corners + rng.uniform(0.1, 0.4, (3, 2))], 1).tolist())
    targets, (predictions, grid) = targets_of(people), random_head(6, seed)
    got = TaskAlignedAssigner()(predictions, targets, grid).gt_index
    checked = 0
    for image, expected in enumerate(reference(predictions, targets, grid)):
        if set(expected.values()) != {0, 1, 2}:
            continue  # somebody lost everything and was rescued
        ours = {int(n): int(got[image, n]) for n in (got[image] >= 0).nonzero().flatten()}
        assert ours == expected
        checked += 1
    assert checked >= 3


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(boxes(), max_size=6), min_size=1, max_size=3), st.integers(0, 9))
def test_everybody_gets_a_prediction(targets_of, random_head, people, seed):
    targets, (predictions, grid) = targets_of(people), random_head(len(people), seed)
    got = TaskAlignedAssigner()(predictions, targets, grid)
    # Four anchors and at least one cell: four people always fit, more only when the cells are not all the same.
    fits = torch.tensor([len(people[int(i)]) <= 4 for i in targets.people.image], dtype=torch.bool)
    assert (got.owns.any(1) | ~fits).all()


@pytest.mark.parametrize("crowd", [2, 4, 6])
def test_people_in_the_same_place_share(targets_of, random_head, crowd):
    targets = targets_of([[[0.3, 0.3, 0.6, 0.8]] * crowd])
    predictions, grid = random_head(1)
    got = TaskAlignedAssigner()(predictions, targets, grid)
    assert got.owns.any(1).all()
    assert int(got.owns.sum()) == int((got.gt_index >= 0).sum()), "each positive is listed once"
    assert sorted(got.gt_index.unique().tolist()) == list(range(-1, crowd))


@settings(max_examples=40, deadline=None)
@given(st.lists(boxes(0.2), min_size=2, max_size=5, unique_by=tuple), st.randoms(use_true_random=False))
def test_order_of_people_does_not_matter(targets_of, random_head, people, random):
    order = list(range(len(people)))
    random.shuffle(order)
    predictions, grid = random_head(1, 3)
    first = TaskAlignedAssigner()(predictions, targets_of([people]), grid).gt_index
    second = TaskAlignedAssigner()(predictions, targets_of([[people[i] for i in order]]), grid).gt_index
    back = torch.tensor([*order, -1])
    if len({tuple(np.round(p, 3)) for p in people}) == len(people):
        assert torch.equal(first, back[second])


def test_settings_matter(targets_of, random_head):
    targets, (predictions, grid) = targets_of([[[0.2, 0.2, 0.8, 0.9]]]), random_head(1)
    count = [int(TaskAlignedAssigner(topk=k)(predictions, targets, grid).owns.sum()) for k in (1, 10)]
    assert count[0] == 1 < count[1] <= 10
    fits_or_scores = torch.tensor([[[0.2, 0.2, 0.8, 0.9], [0.2, 0.2, 0.8, 0.6]]]), torch.tensor([[[0.1], [0.9]]])
    pair, two_cells = Predictions(*fits_or_scores), Grid(1, 2, torch.tensor([[0.5, 0.5]]))
    for alpha, winner in ((0.0, 0), (0.5, 0), (50.0, 1)):
        got = TaskAlignedAssigner(alpha=alpha, topk=1)(pair, targets, two_cells)
        assert got.gt_index[0].argmax() == winner


def test_a_grid_smaller_than_the_list(targets_of, random_head):
    targets, (predictions, grid) = targets_of([[[0.2, 0.2, 0.8, 0.9]]]), random_head(1, size=1)
    assert TaskAlignedAssigner()(predictions, targets, grid).owns.sum() >= 1

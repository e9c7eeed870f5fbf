"""Every assigner against its words, written as loops over people and predictions."""

from __future__ import annotations

import itertools
import math
import statistics

import numpy as np
import pytest
import torch

from uhd.assigners.assignment import Grid, Predictions
from uhd.assigners.atss import ATSSAssigner
from uhd.assigners.gaussian import GaussianAssigner
from uhd.assigners.hungarian import HungarianAssigner
from uhd.assigners.max_iou import MaxIoUAssigner
from uhd.assigners.simota import SimOTAAssigner
from uhd.assigners.task_aligned_paper import TaskAlignedPaperAssigner
from uhd.losses.ignore import taught_mask

Box = list[float]
Bids = dict[int, list[tuple[float, int]]]  # prediction -> (priority, person) of all who claim it


def iou(a: Box, b: Box) -> float:
    wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    overlap = max(wide, 0.0) * max(high, 0.0)
    return overlap / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - overlap)


def giou(a: Box, b: Box) -> float:
    hull = (max(a[2], b[2]) - min(a[0], b[0])) * (max(a[3], b[3]) - min(a[1], b[1]))
    wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - max(wide, 0.0) * max(high, 0.0)
    return iou(a, b) - (hull - union) / hull


class Scene:
    """One image: predictions, anchors and people as plain numbers."""

    def __init__(self, predictions: Predictions, grid: Grid, people: list[Box]) -> None:
        self.people, self.grid = people, grid
        self.boxes, self.scores = predictions.boxes[0].double().tolist(), predictions.scores[0, :, 0].double().tolist()
        cells = [
            ((c + 0.5) / grid.width, (r + 0.5) / grid.height) for r in range(grid.height) for c in range(grid.width)
        ]
        self.centres = cells * len(grid.priors)
        priors = [prior for prior in grid.priors.double().tolist() for _ in cells]
        self.anchors = [
            [x - w / 2, y - h / 2, x + w / 2, y + h / 2] for (x, y), (w, h) in zip(self.centres, priors, strict=True)
        ]

    def inside(self, person: Box, n: int) -> bool:
        """Whether the cell's centre lies in the person; along an axis without such a centre, the cell of its own."""
        row, column = n % self.grid.cells // self.grid.width, n % self.grid.width
        found = True
        for axis, place, count in ((0, column, self.grid.width), (1, row, self.grid.height)):
            low, high = person[axis], person[axis + 2]
            near = [i for i in range(count) if low <= (i + 0.5) / count <= high]
            found &= place in (near or [min(int((low + high) / 2 * count), count - 1)])
        return found


def winners(bids: Bids) -> dict[int, int]:
    """Return who owns each prediction: the highest bid, the first person of equal ones."""
    return {n: max(each, key=lambda bid: (bid[0], -bid[1]))[1] for n, each in bids.items()}


def by_max_iou(scene: Scene) -> dict[int, int]:
    bids: Bids = {}
    for t, person in enumerate(scene.people):
        fits = [iou(anchor, person) for anchor in scene.anchors]
        best = max(range(len(fits)), key=lambda n: fits[n])
        for n, fit in enumerate(fits):
            if fit >= 0.5 or n == best:
                bids.setdefault(n, []).append((fit + 2 * (n == best), t))
    return winners(bids)


def by_atss(scene: Scene) -> dict[int, int]:
    bids: Bids = {}
    for t, person in enumerate(scene.people):
        x, y = (person[0] + person[2]) / 2, (person[1] + person[3]) / 2
        apart = [(a - x) ** 2 + (b - y) ** 2 for a, b in scene.centres[: scene.grid.cells]]
        cells = sorted(range(scene.grid.cells), key=lambda cell: apart[cell])[:9]
        candidates = [cell + a * scene.grid.cells for a in range(len(scene.grid.priors)) for cell in cells]
        fits = [iou(scene.anchors[n], person) for n in candidates]
        bound = statistics.mean(fits) + statistics.stdev(fits)
        for n, fit in zip(candidates, fits, strict=True):
            if fit >= bound and scene.inside(person, n):
                bids.setdefault(n, []).append((fit, t))
    return winners(bids)


def by_task_aligned_paper(scene: Scene) -> dict[int, int]:
    bids: Bids = {}
    for t, person in enumerate(scene.people):
        metric = {
            n: scene.scores[n] * iou(box, person) ** 6 for n, box in enumerate(scene.boxes) if scene.inside(person, n)
        }
        for n in sorted(metric, key=lambda n: -metric[n])[:13]:
            if metric[n] > 0:
                bids.setdefault(n, []).append((iou(scene.boxes[n], person), t))
    return winners(bids)


def by_simota(scene: Scene) -> dict[int, int]:
    bids: Bids = {}
    for t, person in enumerate(scene.people):
        x, y = (person[0] + person[2]) / 2, (person[1] + person[3]) / 2
        reach = (
            max((person[2] - person[0]) / 2, 0.75 / scene.grid.width),
            max((person[3] - person[1]) / 2, 0.75 / scene.grid.height),
        )
        near = [n for n, (a, b) in enumerate(scene.centres) if abs(a - x) <= reach[0] and abs(b - y) <= reach[1]]
        fits = {n: iou(scene.boxes[n], person) for n in near}
        cost = {n: -math.log(max(scene.scores[n], 1e-7)) - 3 * math.log(max(fits[n], 1e-7)) for n in near}
        count = max(1, int(sum(sorted(fits.values(), reverse=True)[:10])))
        for n in sorted(near, key=lambda n: cost[n])[:count]:
            bids.setdefault(n, []).append((-cost[n], t))
    return winners(bids)


def by_hungarian(scene: Scene) -> dict[int, int]:
    """Every choice of predictions is tried: for three people and few predictions."""

    def cost(t: int, n: int) -> float:
        box, person = scene.boxes[n], scene.people[t]
        centre = sum(abs(box[i] + box[i + 2] - person[i] - person[i + 2]) / 2 for i in (0, 1))
        size = sum(abs(box[i + 2] - box[i] - person[i + 2] + person[i]) for i in (0, 1))
        return 5 * (centre + size) + 2 * (1 - giou(box, person)) - scene.scores[n]

    table = [[cost(t, n) for n in range(len(scene.boxes))] for t in range(len(scene.people))]
    chosen = min(
        itertools.permutations(range(len(scene.boxes)), len(scene.people)),
        key=lambda choice: sum(table[t][n] for t, n in enumerate(choice)),
    )
    return {n: t for t, n in enumerate(chosen)}


def by_gaussians(scene: Scene) -> dict[int, int]:
    bids: Bids = {}
    for t, person in enumerate(scene.people):
        apart = []
        for anchor in scene.anchors:
            centre = sum(((anchor[i] + anchor[i + 2] - person[i] - person[i + 2]) / 2) ** 2 for i in (0, 1))
            size = sum(((anchor[i + 2] - anchor[i] - person[i + 2] + person[i]) / 2) ** 2 for i in (0, 1))
            apart.append(math.sqrt(centre + size))
        for n in sorted(range(len(apart)), key=lambda n: apart[n])[:3]:
            bids.setdefault(n, []).append((-apart[n], t))
    return winners(bids)


def crowd(seed: int) -> list[Box]:
    rng = np.random.default_rng(seed)
    corner, side = rng.uniform(0, 0.6, (3, 2)), rng.uniform(0.03, 0.4, (3, 2))
    return [[*map(float, a), *map(float, a + b)] for a, b in zip(corner, side, strict=True)]


@pytest.mark.parametrize(
    ("assigner", "oracle", "size"),
    [
        (MaxIoUAssigner(), by_max_iou, 8),
        (ATSSAssigner(), by_atss, 8),
        (TaskAlignedPaperAssigner(), by_task_aligned_paper, 8),
        (SimOTAAssigner(), by_simota, 8),
        (HungarianAssigner(), by_hungarian, 2),
        (GaussianAssigner(), by_gaussians, 8),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_equals_its_words(targets_of, random_head, assigner, oracle, size):
    checked = 0
    for seed in range(6):
        predictions, grid = random_head(1, seed, 1, size)
        people = crowd(seed)
        expected = oracle(Scene(predictions, grid, people))
        if set(expected.values()) != {0, 1, 2} and assigner in (MaxIoUAssigner(), GaussianAssigner()):
            continue  # somebody lost everything and was rescued
        got = assigner(predictions, targets_of([people]), grid)
        assert {int(n): int(got.gt_index[0, n]) for n in (got.gt_index[0] >= 0).nonzero().flatten()} == expected
        checked += 1
    assert checked >= 3


@pytest.mark.parametrize("assigner", [MaxIoUAssigner(), GaussianAssigner(), HungarianAssigner()])
def test_nobody_is_left_out_however_small_or_close(targets_of, random_head, assigner):
    people = [[0.5, 0.5, 0.502, 0.504], [0.5, 0.5, 0.502, 0.504], [0.501, 0.5, 0.503, 0.504], [0.1, 0.1, 0.9, 0.9]]
    got = assigner(random_head(1)[0], targets_of([people]), random_head(1)[1])
    assert sorted(set(got.gt_index[0].tolist()) - {-1}) == [0, 1, 2, 3]
    near = [int(n) for n in (got.gt_index[0] == 0).nonzero().flatten()]
    if not isinstance(assigner, HungarianAssigner):
        assert all(2 <= n % 64 // 8 <= 5 and 2 <= n % 8 <= 5 for n in near)


def test_between_the_thresholds_nothing_is_taught(targets_of):
    grid = Grid(1, 4, torch.tensor([[0.25, 1.0]]))
    predictions = Predictions(torch.rand(1, 4, 4), torch.rand(1, 4, 1))
    targets = targets_of([[[0.0, 0.0, 0.25, 1.0], [0.5, 0.0, 0.75, 1.0], [0.625 - 0.01, 0.0, 0.875 - 0.01, 1.0]]])
    got = MaxIoUAssigner(positive=0.95, negative=0.3)(predictions, targets, grid)
    assert got.gt_index[0].tolist()[0] == 0
    one = targets_of([[[0.0, 0.0, 0.36, 1.0]]])  # IoU 0.69 with the first cell, 0.22 with the second
    got = MaxIoUAssigner(positive=0.5, negative=0.2)(predictions, one, grid)
    assert got.neutral is not None
    assert got.neutral.tolist() == [[False, True, False, False]]
    assert taught_mask(got, predictions, one, grid).tolist() == [[True, False, True, True]]


def test_the_papers_alignment_is_one_for_the_best_scaled_to_its_overlap(targets_of, random_head):
    predictions, grid = random_head(1, 3)
    got = TaskAlignedPaperAssigner()(predictions, targets_of([[[0.2, 0.2, 0.8, 0.9]]]), grid)
    positive = got.gt_index[0] >= 0
    metric = predictions.scores[0, :, 0] * got.iou[0] ** 6
    expected = metric / metric[positive].max() * got.iou[0][positive].max()
    torch.testing.assert_close(got.quality[0][positive], expected[positive])
    assert (got.quality[0][~positive] == 0).all()
    assert 1 < int(positive.sum()) <= 13


def test_more_people_than_predictions(targets_of):
    grid = Grid(1, 1, torch.tensor([[0.4, 0.4]]))
    predictions = Predictions(torch.tensor([[[0.3, 0.3, 0.7, 0.7]]]), torch.ones(1, 1, 1))
    got = HungarianAssigner()(predictions, targets_of([[[0.0, 0.0, 0.1, 0.1], [0.3, 0.3, 0.7, 0.7]]]), grid)
    assert got.gt_index.tolist() == [[1]]

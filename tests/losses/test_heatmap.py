"""The heat map to learn: where its peaks are, how wide they are, and what is not counted."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from uhd.assigners.targets import Targets
from uhd.losses.heatmap import centre_cells, centre_gaussians, centre_points, gaussian_radius, outside_ignored
from uhd.losses.iou import pairwise_iou


def targets_of(boxes: list[list[float]], labels: list[int] | None = None, ignore: list[list[float]] = ()) -> Targets:
    return Targets(
        torch.tensor([boxes], dtype=torch.float32).reshape(1, -1, 4),
        torch.tensor([labels or [0] * len(boxes)], dtype=torch.int64).reshape(1, -1),
        torch.tensor([list(ignore)], dtype=torch.float32).reshape(1, -1, 4),
    )


def worst_iou(w: float, h: float, r: float) -> float:
    """Least IoU of a box (0, 0, w, h) with one whose corners lie r off, both axes alike."""
    truth = torch.tensor([[0.0, 0, w, h]], dtype=torch.float64)
    moved = [[r, r, w + r, h + r], [-r, -r, w + r, h + r], [r, r, w - r, h - r]]
    return float(pairwise_iou(truth, torch.tensor(moved, dtype=torch.float64)).min())


@settings(max_examples=100, deadline=None)
@given(st.floats(1, 40), st.floats(1, 40), st.sampled_from([0.3, 0.5, 0.7]))
def test_the_radius_is_the_largest_that_keeps_the_overlap(w: float, h: float, least: float) -> None:
    radius = float(gaussian_radius(torch.tensor([w, h], dtype=torch.float64), least))
    assert worst_iou(w, h, radius) == pytest.approx(least, abs=1e-4)
    assert worst_iou(w, h, radius * 1.05) < least


def test_every_person_has_one_peak_in_its_cell_and_map() -> None:
    targets = targets_of([[0.0, 0.0, 0.3, 0.3], [0.5, 0.25, 1.0, 1.0], [0.9, 0.9, 1.1, 1.1]], [1, 0, 1])
    peaks = [(0, 0, 5, 6), (0, 1, 1, 1), (0, 1, 7, 7)]  # a centre on the border belongs to the last cell
    assert (centre_gaussians(targets, 2, 8, 8) == 1).nonzero().tolist() == [list(at) for at in peaks]
    points = centre_points(targets, 2, 8, 8)
    assert (points == 1).nonzero().tolist() == [list(at) for at in peaks]
    assert points.sum() == 3


def test_written_out() -> None:
    """A person of 12x16 cells in a map of 20x24: radius 3, deviation 7/6."""
    heat = centre_gaussians(targets_of([[4 / 24, 2 / 20, 16 / 24, 18 / 20]]), 1, 20, 24)[0, 0]
    assert int(gaussian_radius(torch.tensor([12.0, 16.0]))) == 3
    for y in range(20):
        for x in range(24):
            dx, dy = abs(x - 10), abs(y - 10)
            wanted = math.exp(-(dx**2 + dy**2) / (2 * (7 / 6) ** 2)) if max(dx, dy) <= 3 else 0.0
            assert float(heat[y, x]) == pytest.approx(wanted, abs=1e-6)


def test_where_people_are_close_the_larger_value_counts() -> None:
    a, b = [0.1, 0.1, 0.6, 0.9], [0.3, 0.1, 0.8, 0.9]
    together = centre_gaussians(targets_of([a, b]), 1, 16, 16)
    each = [centre_gaussians(targets_of([box]), 1, 16, 16) for box in (a, b)]
    torch.testing.assert_close(together, torch.maximum(*each))


def test_images_do_not_mix() -> None:
    boxes = torch.tensor([[[0.1, 0.1, 0.5, 0.9], [0, 0, 0, 0]], [[0.2, 0.2, 0.4, 0.4], [0.5, 0.5, 1, 1]]])
    targets = Targets(boxes, torch.tensor([[0, -1], [0, 0]]), torch.zeros(2, 0, 4))
    heat = centre_gaussians(targets, 1, 8, 8)
    torch.testing.assert_close(heat[:1], centre_gaussians(targets_of([boxes[0, 0].tolist()]), 1, 8, 8))
    torch.testing.assert_close(heat[1:], centre_gaussians(targets_of(boxes[1].tolist()), 1, 8, 8))


def test_no_people() -> None:
    targets = targets_of([])
    assert centre_gaussians(targets, 2, 4, 5).shape == (1, 2, 4, 5)
    assert centre_gaussians(targets, 2, 4, 5).sum() == centre_points(targets, 2, 4, 5).sum() == 0
    assert outside_ignored(targets, 4, 5) is None
    assert centre_cells(targets, 4, 5)[0].shape == (0, 2)


def test_cells_whose_middle_is_ignored() -> None:
    keep = outside_ignored(targets_of([], ignore=[[0.0, 0.0, 0.3, 0.5], [0.9, 0.9, 1.0, 1.0]]), 4, 4)
    assert keep is not None
    assert (~keep[0, 0]).nonzero().tolist() == [[0, 0], [1, 0]]

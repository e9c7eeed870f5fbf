"""The set loss: the original's numbers, cases done by hand, and the matching against every permutation."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from uhd.assigners.hungarian import optimal_assignment
from uhd.assigners.targets import Targets
from uhd.config import preset
from uhd.losses import build_objective
from uhd.losses.config import LossConfig
from uhd.losses.detr import SetLoss, greedy_assignment, ignored
from uhd.models import create_model

GOLDEN = json.loads((Path(__file__).parent.parent / "golden" / "detr.json").read_text())
HUNGARIAN = LossConfig()
COSTS = st.tuples(st.integers(1, 6), st.integers(1, 5)).flatmap(
    lambda shape: arrays(np.float32, shape, elements=st.integers(-50, 50).map(float))
)


def people(boxes_xyxy: list[list[float]], labels: list[int] | None = None, regions: list[list[float]] = ()) -> Targets:
    """One image."""
    boxes = torch.tensor(boxes_xyxy, dtype=torch.float32).reshape(1, -1, 4)
    names = torch.tensor([labels if labels is not None else [0] * boxes.shape[1]], dtype=torch.int64)
    return Targets(boxes, names, torch.tensor(regions, dtype=torch.float32).reshape(1, -1, 4))


def raw(boxes_cxcywh: list[list[float]], logits: list[list[float]]) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.tensor(logits)[:, None].requires_grad_(), torch.tensor(boxes_cxcywh)[:, None].requires_grad_()


def log_softmax(row: list[float], index: int) -> float:
    return float(torch.tensor(row).log_softmax(0)[index])


@pytest.mark.parametrize("key", ["loss", "loss_empty"])
def test_agrees_with_the_original(key, harr, padded):
    outputs = harr((10, 2, 4), 120, 2.0), torch.sigmoid(harr((10, 2, 4), 121, 2.0))
    targets = padded(GOLDEN["targets"])
    if key == "loss_empty":
        targets = Targets(torch.zeros(2, 0, 4), torch.zeros(2, 0, dtype=torch.int64), torch.zeros(2, 0, 4))
    total, parts = SetLoss(preset(LossConfig, "original"), 3)(outputs, targets)
    assert float(total) == pytest.approx(GOLDEN[key]["loss"], rel=1e-4)
    for name, value in GOLDEN[key].items():
        assert float(parts[name]) == pytest.approx(value, rel=1e-4), name


def test_one_person_two_queries_by_hand():
    logits = [[1.0, 0.5], [0.2, 0.9]]
    outputs = raw([[0.5, 0.5, 0.4, 0.4], [0.1, 0.1, 0.1, 0.1]], logits)
    total, parts = SetLoss(HUNGARIAN, 1)(outputs, people([[0.3, 0.3, 0.7, 0.5]]))
    cls = (-log_softmax(logits[0], 0) - 0.1 * log_softmax(logits[1], 1)) / 1.1
    l1 = 0.1 + 0.2  # the centre is 0.1 too low, the height 0.2 too large
    giou = 0.08 / 0.16  # the person lies inside the box: hull and union are the box
    assert float(parts["cls"]) == pytest.approx(cls, rel=1e-4)
    assert float(parts["l1"]) == pytest.approx(l1, rel=1e-4)
    assert float(parts["iou"]) == pytest.approx(1 - giou, rel=1e-4)
    assert float(total.detach()) == pytest.approx(cls + 5 * l1 + 2 * (1 - giou), rel=1e-4)
    assert float(parts["positives"]) == 1


def test_the_class_decides_between_equal_boxes():
    box = [0.5, 0.5, 0.2, 0.2]
    outputs = raw([box, box], [[0.0, 3.0, 0.0], [3.0, 0.0, 0.0]])
    targets = people([[0.4, 0.4, 0.6, 0.6], [0.4, 0.4, 0.6, 0.6]], [0, 1])
    right = SetLoss(HUNGARIAN, 2)(outputs, targets)[1]
    blind = SetLoss(preset(LossConfig, "original"), 2)(outputs, targets)[1]
    assert float(right["cls"]) == pytest.approx(-log_softmax([0.0, 3.0, 0.0], 1), rel=1e-4)
    assert float(blind["cls"]) > 3 * float(right["cls"])


def test_perfect_answers_cost_nothing_and_stay():
    outputs = raw([[0.5, 0.5, 0.2, 0.2], [0.2, 0.2, 0.1, 0.3]], [[30.0, 0.0], [0.0, 30.0]])
    total, _ = SetLoss(HUNGARIAN, 1)(outputs, people([[0.4, 0.4, 0.6, 0.6]]))
    total.backward()
    assert float(total.detach()) == pytest.approx(0, abs=1e-4)
    assert float(outputs[0].grad.abs().max()) == pytest.approx(0, abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(COSTS)
def test_the_assignment_is_the_best_of_all(cost):
    rows, columns = optimal_assignment(cost)
    wide = cost if cost.shape[0] <= cost.shape[1] else cost.T
    ways = itertools.permutations(range(wide.shape[1]), wide.shape[0])
    best = min(sum(wide[i, j] for i, j in enumerate(way)) for way in ways)
    assert cost[rows, columns].sum() == pytest.approx(best)
    assert len(set(rows)) == len(set(columns)) == len(rows) == min(cost.shape)


@settings(max_examples=60, deadline=None)
@given(COSTS)
def test_the_greedy_assignment_takes_the_cheapest_first(cost):
    rows, columns = greedy_assignment(cost)
    left = cost.copy()
    for row, column in zip(rows, columns, strict=True):
        assert cost[row, column] == left.min()
        left[row], left[:, column] = np.inf, np.inf
    assert len(rows) == min(cost.shape)


def test_matching_skips_the_padding_and_keeps_images_apart():
    boxes = torch.tensor([[[0.4, 0.4, 0.6, 0.6], [0.1, 0.1, 0.2, 0.2]], [[0.7, 0.7, 0.9, 0.9], [0, 0, 0, 0]]])
    targets = Targets(boxes, torch.tensor([[0, 0], [0, -1]]), torch.zeros(2, 0, 4))
    answers = torch.tensor([[0.15, 0.15, 0.1, 0.1], [0.8, 0.8, 0.2, 0.2], [0.5, 0.5, 0.2, 0.2]])
    both = answers.expand(2, -1, -1)
    corners = torch.cat([both[..., :2] - both[..., 2:] / 2, both[..., :2] + both[..., 2:] / 2], -1)
    found = SetLoss(HUNGARIAN, 1).match(torch.zeros(2, 3, 2), both, corners, targets)
    pairs = {tuple(int(v) for v in triple) for triple in zip(*found, strict=True)}
    assert pairs == {(0, 2, 0), (0, 0, 1), (1, 1, 0)}


@pytest.mark.parametrize("matching", ["hungarian", "original"])
def test_more_people_than_queries(matching):
    outputs = raw([[0.5, 0.5, 0.2, 0.2]], [[0.0, 0.0]])
    targets = people([[0, 0, 0.1, 0.1], [0.4, 0.4, 0.6, 0.6], [0.9, 0.9, 1, 1]])
    _, parts = SetLoss(LossConfig(detr_matching=matching), 1)(outputs, targets)
    assert float(parts["positives"]) == 1
    assert float(parts["l1"]) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("matching", ["hungarian", "original"])
def test_no_people_teaches_background_only(matching):
    outputs = raw([[0.5, 0.5, 0.2, 0.2], [0.1, 0.1, 0.1, 0.1]], [[0.3, 0.0], [2.0, 1.0]])
    total, parts = SetLoss(LossConfig(detr_matching=matching), 1)(outputs, people([]))
    total.backward()
    mean = -(log_softmax([0.3, 0.0], 1) + log_softmax([2.0, 1.0], 1)) / 2
    assert float(total) == pytest.approx(mean, rel=1e-4)
    assert float(parts["l1"]) == float(parts["iou"]) == float(parts["positives"]) == 0
    assert (outputs[0].grad != 0).all()


def test_broken_outputs_do_not_stop_the_matching():
    outputs = raw([[float("nan")] * 4, [0.5, 0.5, 0.2, 0.2]], [[0.0, 0.0], [0.0, 0.0]])
    total, _ = SetLoss(HUNGARIAN, 1)(outputs, people([[0.4, 0.4, 0.6, 0.6]]))
    assert torch.isfinite(total)  # the broken box belongs to the background


@pytest.mark.parametrize("matching", ["hungarian", "original"])
def test_ignore_regions_silence_background_but_not_people(matching):
    answers = [[0.5, 0.5, 0.2, 0.2], [0.2, 0.2, 0.2, 0.2], [0.3, 0.8, 0.2, 0.2]]
    outputs = raw(answers, [[0.0, 1.0]] * 3)
    regions = [[0.0, 0.0, 0.6, 0.6]]  # covers the person and the second answer
    SetLoss(LossConfig(detr_matching=matching), 1)(outputs, people([[0.4, 0.4, 0.6, 0.6]], regions=regions))[
        0
    ].backward()
    taught = (outputs[0].grad[:, 0] != 0).all(-1)
    assert taught.tolist() == [True, False, True]


def test_half_of_a_box_in_a_region_is_enough():
    targets = people([], regions=[[0.0, 0.0, 0.5, 1.0], [0, 0, 0, 0]])
    boxes = torch.tensor([[[0.3, 0.2, 0.69, 0.4], [0.3, 0.2, 0.71, 0.4], [-1.0, 0.2, 0.8, 0.4], [0.4, 0.4, 0.4, 0.4]]])
    assert ignored(boxes, targets)[0].tolist() == [True, False, True, False]


def test_gradients_are_the_slope(harr, padded):
    """The matching is constant in a small neighbourhood, so finite differences see the same pairs."""
    logits, boxes = harr((4, 2, 4), 1, 1.0).double(), torch.sigmoid(harr((4, 2, 4), 2, 1.0).double())
    targets = padded(GOLDEN["targets"])

    def loss(b: torch.Tensor) -> torch.Tensor:
        return SetLoss(HUNGARIAN, 3)((logits, b), targets)[0]

    boxes.requires_grad_()
    (slope,) = torch.autograd.grad(loss(boxes), boxes)
    step = 1e-3
    for index in [(0, 0, 0), (1, 1, 2), (3, 0, 3)]:
        moved = [boxes.detach().clone() for _ in range(2)]
        moved[0][index] += step
        moved[1][index] -= step
        numeric = float(loss(moved[0]) - loss(moved[1])) / (2 * step)
        assert float(slope[index]) == pytest.approx(numeric, abs=5e-3)


def test_every_decoder_layer_is_taught_in_training():
    model = create_model("transformer", num_queries=3, d_model=8, heads=2, layers=3, dim_feedforward=8, dropout=0)
    images, targets = torch.rand(1, 3, 8, 8), people([[0.1, 0.1, 0.5, 0.9]])
    answers = model.train()(images)
    assert [tuple(each.shape) for each in answers] == [(3, 1, 2), (3, 1, 4)] * 3
    for one, other in zip(answers, model.eval()(images), strict=False):
        torch.testing.assert_close(one, other)
    total, parts = SetLoss(HUNGARIAN, 1)(answers, targets)
    alone = [SetLoss(HUNGARIAN, 1)(answers[i : i + 2], targets)[0] for i in (0, 2, 4)]
    assert float(total) == pytest.approx(float(sum(alone)))
    assert float(parts["loss"]) == pytest.approx(float(total))
    assert float(parts["early"]) == pytest.approx(float(alone[1] + alone[2]))
    for config in (LossConfig(detr_auxiliary=False), preset(LossConfig, "original", detr_matching="hungarian")):
        total, parts = SetLoss(config, 1)(answers, targets)
        assert float(total) == pytest.approx(float(alone[0]))
        assert "early" not in parts


def test_the_network_gets_this_objective():
    model = create_model("transformer", num_queries=3, d_model=8, heads=2, layers=1, dim_feedforward=8, num_classes=2)
    total, parts = build_objective(model, HUNGARIAN)(model(torch.rand(1, 3, 8, 8)), people([[0.1, 0.1, 0.5, 0.9]], [1]))
    total.backward()
    assert set(parts) == {"loss", "cls", "l1", "iou", "positives"}
    assert all(p.grad is not None for p in model.parameters())

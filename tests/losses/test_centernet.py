"""The CenterNet objective: the original's numbers on request, the paper's targets otherwise."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from uhd.assigners.targets import Targets
from uhd.config import preset
from uhd.errors import UserError
from uhd.losses import build_objective
from uhd.losses.centernet import CenterNetLoss
from uhd.losses.config import LossConfig
from uhd.losses.heatmap import centre_cells, centre_gaussians
from uhd.models import create_model

GOLDEN: dict[str, Any] = json.loads((Path(__file__).parent.parent / "golden" / "centernet.json").read_text())
EMPTY = Targets(torch.zeros(2, 0, 4), torch.zeros(2, 0, dtype=torch.int64), torch.zeros(2, 0, 4))
OURS, ORIGINAL = CenterNetLoss(LossConfig()), CenterNetLoss(preset(LossConfig, "original"))
BOXES = [[0.1, 0.1, 0.5, 0.9], [0.55, 0.2, 0.95, 0.6]]


def targets_of(boxes: list[list[float]], ignore: list[list[float]] = ()) -> Targets:
    regions = torch.tensor([list(ignore)], dtype=torch.float32).reshape(1, -1, 4)
    return Targets(torch.tensor([boxes]), torch.zeros(1, len(boxes), dtype=torch.int64), regions)


def perfect(targets: Targets, size: int = 8) -> tuple[Tensor, Tensor, Tensor]:
    """Maps that say exactly what is to be learnt."""
    centre, wanted = centre_cells(targets, size, size)
    cell = centre.long()
    off, wh = torch.zeros(2, len(targets.boxes), 2, size, size)
    at = (targets.people.image, slice(None), cell[:, 1], cell[:, 0])
    off[at], wh[at] = centre - cell, wanted
    heat = (centre_gaussians(targets, 1, size, size) == 1).float()
    return heat, off, wh


@pytest.mark.parametrize("people", [True, False])
def test_agrees_with_the_original(harr, padded, people):
    raw = torch.sigmoid(harr((2, 3, 4, 4), 110, 3.0)), harr((2, 2, 4, 4), 111, 1.0), harr((2, 2, 4, 4), 112, 2.0)
    total, parts = ORIGINAL(raw, padded(GOLDEN["targets"]) if people else EMPTY)
    for name, wanted in GOLDEN["loss" if people else "loss_empty"].items():
        assert float(parts[name]) == pytest.approx(wanted, rel=1e-4), name
    assert float(total) == float(parts["loss"])


def test_perfect_maps_cost_nothing_and_any_change_does():
    targets = targets_of(BOXES)
    maps = perfect(targets)
    assert float(OURS(maps, targets)[0]) == pytest.approx(0, abs=1e-5)
    row, column = (maps[0][0, 0] == 1).nonzero()[0].tolist()
    for i in range(3):
        worse = [each.clone() for each in maps]
        worse[i][0, 0, row, column] -= 0.5
        assert float(OURS(tuple(worse), targets)[0]) > 0.05


def test_around_a_centre_a_high_score_is_forgiven_more_than_far_from_it():
    targets = targets_of([[0.0, 0.0, 1.0, 1.0]])
    costs = {}
    for place in ((17, 17), (2, 2)):
        maps = perfect(targets, 32)
        maps[0][0, 0][place] = 0.8
        costs[place] = {loss: float(loss(maps, targets)[1]["hm"]) for loss in (OURS, ORIGINAL)}
    assert costs[17, 17][OURS] < 0.3 * costs[2, 2][OURS]
    assert costs[17, 17][ORIGINAL] == pytest.approx(costs[2, 2][ORIGINAL])


@pytest.mark.parametrize("loss", [OURS, ORIGINAL])
def test_two_people_in_one_cell(loss):
    """We let both teach the size; in the original the last one alone does."""
    small, large = [0.4, 0.4, 0.6, 0.6], [0.3, 0.2, 0.72, 0.82]
    targets = targets_of([small, large])
    maps = perfect(targets, 2)
    parts = loss(maps, targets)[1]
    assert float(parts["wh"]) == pytest.approx(0 if loss is ORIGINAL else (0.44 + 0.84) / 2, abs=1e-5)
    assert float(parts["positives"]) == (1 if loss is ORIGINAL else 2)


@pytest.mark.parametrize("loss", [OURS, ORIGINAL])
def test_ignore_regions_silence_negatives_but_not_people(loss):
    targets = targets_of(BOXES, ignore=[[0.5, 0.0, 1.0, 1.0]])
    heat, off, wh = perfect(targets)
    heat = torch.full_like(heat, 0.4).requires_grad_()
    loss((heat, off, wh), targets)[0].backward()
    assert heat.grad is not None
    people = centre_gaussians(targets, 1, 8, 8) == 1
    assert people[..., 4:].sum() == 1
    assert (heat.grad[..., 4:][~people[..., 4:]] == 0).all()
    assert (heat.grad[people] < 0).all()
    assert (heat.grad[..., :4][~people[..., :4]] > 0).all()


@pytest.mark.parametrize("targets", [EMPTY, targets_of(BOXES)], ids=["nobody", "people"])
def test_saturated_maps_keep_a_finite_gradient_that_points_back(targets):
    """A missed person's score may underflow far; our loss still pulls it up, where the original's clamp gives up."""
    logits = torch.full((len(targets.boxes), 1, 8, 8), -12.0, requires_grad=True)
    maps = torch.zeros(len(targets.boxes), 2, 8, 8, requires_grad=True)
    for loss in (OURS, ORIGINAL):
        logits.grad = None
        loss((torch.sigmoid(logits), maps, maps), targets)[0].backward()
        assert logits.grad is not None
        assert maps.grad is not None
        assert torch.isfinite(logits.grad).all()
        assert torch.isfinite(maps.grad).all()
        peaks = centre_gaussians(targets, 1, 8, 8) == 1
        assert (logits.grad[peaks] < -0.1).all() if loss is OURS else (logits.grad[peaks] == 0).all()


def test_the_order_of_images_and_people_does_not_matter():
    torch.manual_seed(0)
    boxes = torch.tensor([BOXES, [[0.3, 0.3, 0.5, 0.7], [0.6, 0.1, 0.9, 0.5]]])
    raw = torch.rand(2, 2, 8, 8), torch.rand(2, 2, 8, 8), torch.rand(2, 2, 8, 8)
    labels = torch.tensor([[0, 1], [1, 1]])
    forward = OURS(raw, Targets(boxes, labels, torch.zeros(2, 0, 4)))[0]
    turned = Targets(boxes.flip(0, 1), labels.flip(0, 1), torch.zeros(2, 0, 4))
    torch.testing.assert_close(OURS(tuple(each.flip(0) for each in raw), turned)[0], forward)


def test_weights_are_factors():
    targets, raw = targets_of(BOXES), (torch.rand(1, 1, 8, 8), torch.rand(1, 2, 8, 8), torch.rand(1, 2, 8, 8))
    weighted = CenterNetLoss(LossConfig(loss_weight_hm=2, loss_weight_off=3, loss_weight_wh=0.5))
    total, parts = weighted(raw, targets)
    assert float(total) == pytest.approx(float(2 * parts["hm"] + 3 * parts["off"] + 0.5 * parts["wh"]))


def test_it_is_the_objective_of_centernet_and_of_no_anchor_head():
    model = create_model("cnn", cnn_width=8, output_stride=4)
    objective = build_objective(model, LossConfig())
    assert isinstance(objective, CenterNetLoss)
    total, _ = objective(model(torch.rand(1, 3, 32, 32)), targets_of(BOXES))
    total.backward()
    anchors = build_objective(create_model("cnn", cnn_width=8, use_anchor=True), LossConfig())
    assert not isinstance(anchors, CenterNetLoss)


def test_several_labels_need_anchors():
    class Roles:
        mode = "single"

    with pytest.raises(UserError, match="--multi-label-mode"):
        build_objective(create_model("cnn", cnn_width=8), LossConfig(), Roles())  # type: ignore[arg-type]

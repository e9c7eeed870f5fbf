"""Losses on their own: closed forms, gradients, other implementations; and every one of them under both objectives."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import uhd.losses
from tests.losses.test_aligned import ANCHORS, random_raw, scene
from uhd.assigners.targets import Targets
from uhd.config import preset
from uhd.errors import UserError
from uhd.losses import build_loss
from uhd.losses.box import smooth_l1_boxes
from uhd.losses.class_weights import class_weights
from uhd.losses.config import BOX_LOSSES, CLS_LOSSES, OBJECTIVES, LossConfig
from uhd.losses.hard import hardest

A = torch.tensor([[0.0, 0.0, 2.0, 2.0]], dtype=torch.float64)
B = torch.tensor([[1.0, 1.0, 3.0, 3.0]], dtype=torch.float64)
WIDE = torch.tensor([[0.0, 0.0, 4.0, 1.0]], dtype=torch.float64)
V = 4 / math.pi**2 * (math.atan(1.0) - math.atan(4.0)) ** 2


@pytest.mark.parametrize(
    ("name", "pair", "expected"),
    [
        ("iou_loss", (A, B), 1 - 1 / 7),
        ("giou_loss", (A, B), 1 - (1 / 7 - 2 / 9)),
        ("diou_loss", (A, B), 1 - (1 / 7 - 2 / 18)),
        ("ciou_loss", (A, B), 1 - (1 / 7 - 2 / 18)),
        # IoU 2 / 6, centres (1, 1) and (2, 0.5), hull 4 x 2.
        ("ciou_loss", (WIDE, A), 1 - (1 / 3 - 1.25 / 20 - V / (1 - 1 / 3 + V) * V)),
        ("nwd_loss", (A, B), 1 - math.exp(-math.sqrt(2) / 0.2)),
        ("nwd_loss", (WIDE, A), 1 - math.exp(-math.sqrt(1.25 + 1 + 0.25) / 0.2)),
    ],
)
def test_boxes_in_closed_form(name: str, pair: tuple[Tensor, Tensor], expected: float) -> None:
    assert float(getattr(uhd.losses, name)(*pair)) == pytest.approx(expected, abs=1e-6)
    assert float(getattr(uhd.losses, name)(pair[0], pair[0])) == pytest.approx(0, abs=1e-5)


def test_smooth_l1() -> None:
    ours, zero = torch.tensor([0.5, 1.0, 3.0]), torch.zeros(3)
    assert uhd.losses.smooth_l1_loss(ours, zero).tolist() == [0.125, 0.5, 2.5]
    for beta in (0.3, 1.0, 2.0):
        expected = F.smooth_l1_loss(ours, zero, reduction="none", beta=beta)
        torch.testing.assert_close(uhd.losses.smooth_l1_loss(ours, zero, beta), expected)
    assert uhd.losses.smooth_l1_loss(ours, zero, 0.0).tolist() == ours.tolist()
    moved = A + torch.tensor([2.0, 0, 2.0, 0])  # one width to the right: beyond beta
    assert float(smooth_l1_boxes(moved, A)) == pytest.approx(1 - 1 / 18)
    assert float(smooth_l1_boxes(A * 2 - 1, A)) == pytest.approx(2 * (math.log(2) - 1 / 18))


@pytest.mark.parametrize("name", ["iou_loss", "giou_loss", "diou_loss", "nwd_loss", "smooth_l1_loss"])
def test_gradients_of_boxes(name: str) -> None:
    random = torch.Generator().manual_seed(1)
    corner = torch.rand(6, 2, generator=random, dtype=torch.float64)
    a = torch.cat([corner, corner + 0.3 + torch.rand(6, 2, generator=random, dtype=torch.float64)], 1)
    b = a + 0.2 * torch.rand(6, 4, generator=random, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: getattr(uhd.losses, name)(x, b), a.requires_grad_())
    if name == "smooth_l1_loss":
        assert torch.autograd.gradcheck(lambda x: smooth_l1_boxes(x, b), a)


@pytest.mark.parametrize(
    "name", ["focal_loss", "quality_focal_loss", "binary_cross_entropy_loss", "distribution_focal_loss"]
)
def test_gradients_of_logits(name: str) -> None:
    random = torch.Generator().manual_seed(0)
    logits = torch.randn(5, 8, generator=random, dtype=torch.float64).requires_grad_()
    target = torch.rand(5, 8, generator=random, dtype=torch.float64)
    target = target[:, 0] * 7 if name == "distribution_focal_loss" else target
    assert torch.autograd.gradcheck(lambda x: getattr(uhd.losses, name)(x, target), logits)


def test_the_target_of_a_distribution_is_shared_by_two_bins() -> None:
    logits = torch.randn(3, 16)
    log = logits.log_softmax(-1)
    loss = uhd.losses.distribution_focal_loss(logits, torch.tensor([2.25, 0.0, 16.0]))
    expected = [
        -(0.75 * log[0, 2] + 0.25 * log[0, 3]),
        -log[1, 0],
        -(0.01 * log[2, 14] + 0.99 * log[2, 15]),  # beyond the last bin: moved just inside
    ]
    torch.testing.assert_close(loss, torch.stack(expected), rtol=1e-4, atol=1e-5)


def test_focal_of_balanced_and_unfocused_is_half_the_cross_entropy() -> None:
    logits, target = torch.randn(9), torch.randint(0, 2, (9,)).float()
    expected = 0.5 * F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    torch.testing.assert_close(uhd.losses.focal_loss(logits, target, 0.5, 0.0), expected)
    assert float(uhd.losses.varifocal_loss(torch.zeros(1), torch.zeros(1))) == pytest.approx(0.75 / 4 * math.log(2))
    torch.testing.assert_close(
        uhd.losses.cross_entropy_loss(torch.eye(3)[None], torch.tensor([[0, 1, 2]])),
        torch.full((1, 3), math.log(math.e + 2) - 1),
    )


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("kind", [*CLS_LOSSES, *BOX_LOSSES])
def test_every_loss_teaches_under_every_objective(objective: str, kind: str) -> None:
    changes = {"anchor_cls_loss": kind} if kind in CLS_LOSSES else {"iou_loss": kind}
    config = preset(LossConfig, "original" if objective == "original" else "uhd", **changes)
    loss = build_loss(config, ANCHORS, 2, True)
    raw = torch.nn.Parameter(random_raw(per_anchor=8).detach())
    optimiser, totals = torch.optim.Adam([raw], 0.1), []
    for _ in range(25):
        optimiser.zero_grad()
        total, parts = loss(raw, scene())
        total.backward()
        optimiser.step()
        totals.append(float(parts["cls" if kind in CLS_LOSSES else "box"]))
    assert totals[-1] < 0.7 * totals[0]
    raw.grad = None
    empty = Targets(torch.zeros(2, 0, 4), torch.zeros(2, 0).long(), torch.zeros(2, 0, 4))
    loss(raw, empty)[0].backward()
    assert torch.isfinite(raw.grad).all()


def test_only_the_hardest_negatives_are_taught() -> None:
    loss = torch.tensor([[0.1, 0.9, 0.5, 0.7, 0.3]])
    positive = torch.tensor([[True, False, False, False, False]])
    keep = torch.tensor([[True, False, True, True, True]])
    assert hardest(loss, positive, None, 0) is None
    assert hardest(loss, positive, None, 2).tolist() == [[True, True, False, True, False]]
    assert hardest(loss, positive, keep, 2).tolist() == [[True, False, True, True, False]]
    assert hardest(loss, ~positive & False, None, 3).sum() == 3
    raw = random_raw()
    build_loss(preset(LossConfig, ohem_ratio=3.0), ANCHORS, 1, True)(raw, scene())[0].backward()
    taught = (raw.grad.view(2, 4, 7, 64)[:, :, 5] != 0).sum()
    positives = (raw.grad.view(2, 4, 7, 64)[:, :, 0] != 0).sum()
    assert int(taught) == 4 * int(positives)


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("kind", ["bce", "ce", "qfl"])
def test_a_class_that_weighs_more_costs_more(objective: str, kind: str) -> None:
    def cls(weights: str) -> float:
        config = preset(LossConfig, objective=objective, anchor_cls_loss=kind, class_weights=weights)
        return float(build_loss(config, ANCHORS, 2, True)(random_raw(per_anchor=8), scene())[1]["cls"])

    assert cls("1,1") == pytest.approx(cls("none"))
    assert cls("2,2") == pytest.approx(2 * cls("none"), rel=1e-5)
    assert cls("1,0") < cls("none") or kind == "ce"


def test_weights_of_classes() -> None:
    assert class_weights("inverse", [300, 100]) == pytest.approx((0.5, 1.5))
    rare, common = class_weights("effective", [10, 10_000])
    assert rare / common == pytest.approx((1 - 0.999**10_000) / (1 - 0.999**10))
    assert class_weights("none", [1]) == ()
    for wrong in ("often", "1,-2", "1", "nan,1", "1,nan", "inf,1"):
        with pytest.raises(UserError, match="--class-weights"):
            class_weights(wrong, [3, 4])


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_person_that_weighs_half_teaches_half(objective: str) -> None:
    loss = build_loss(preset(LossConfig, objective=objective), ANCHORS, 1, True)
    parts = {}
    for weight in (None, 1.0, 0.5):
        targets = scene(people=((0.55, 0.1, 0.95, 0.9),))
        if weight is not None:
            targets = dataclasses.replace(targets, weights=torch.full(targets.labels.shape, weight))
        parts[weight] = loss(random_raw(), targets)[1]
    for name in ("box", "cls", "quality", "obj"):
        torch.testing.assert_close(parts[1.0][name], parts[None][name])
    for name in ("box", "cls"):
        torch.testing.assert_close(parts[0.5][name], parts[None][name] / 2)

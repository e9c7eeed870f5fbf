from __future__ import annotations

import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from uhd.assigners.targets import Targets
from uhd.config import from_plain, preset
from uhd.errors import UserError
from uhd.losses import build_loss
from uhd.losses.config import LossConfig
from uhd.losses.iou import aligned_iou
from uhd.models.decode import decode_all

ANCHORS = torch.tensor([[0.03, 0.05], [0.08, 0.18], [0.18, 0.4], [0.42, 0.7]])
REGION = [0.0, 0.0, 0.5, 1.0]


def scene(batch=2, ignore=(), people=((0.55, 0.1, 0.95, 0.9), (0.7, 0.5, 0.8, 0.7))) -> Targets:
    boxes = torch.zeros(batch, len(people) + 1, 4)
    labels = torch.full((batch, len(people) + 1), -1)
    for slot, person in enumerate(people):
        boxes[0, slot], labels[0, slot] = torch.tensor(person), 0
    regions = torch.zeros(batch, 1, 4)
    if ignore:
        regions[:, 0] = torch.tensor(ignore)
    return Targets(boxes, labels, regions)


def head(classes=1, has_quality=True, mode="quality_cls", **changes):
    return build_loss(preset(LossConfig, **changes), ANCHORS, classes, has_quality, mode)


def random_raw(batch=2, per_anchor=7, seed=0) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.randn(batch, 4 * per_anchor, 8, 8, generator=random).requires_grad_()


def test_equals_the_formula_written_out():
    loss, raw, targets = head(), random_raw(), scene()
    scale = torch.full((4, 2), 1.1, requires_grad=True)
    total, parts = loss(raw, targets, scale)
    predictions, grid = loss.head.predict(raw, ANCHORS * 1.1)
    assigned = loss.assigner(predictions, targets, grid)
    image, n = (assigned.gt_index >= 0).nonzero(as_tuple=True)
    maps = raw.view(2, 4, 7, 64).transpose(2, 3).reshape(2, 256, 7)
    boxes, wanted = decode_all(raw, ANCHORS * scale)[image, n], targets.boxes[image, assigned.gt_index[image, n]]
    goal = torch.zeros(2, 256)
    goal[image, n] = aligned_iou(boxes, wanted)[1].detach()
    weight = 0.05 + 0.75 * torch.sigmoid(maps[..., 5].detach()) ** 1.5
    weight[image, n] = 1
    cross = F.binary_cross_entropy_with_logits
    quality = (cross(maps[..., 5], goal, reduction="none") * weight).sum()
    obj = cross(maps[..., 4], goal, reduction="sum")
    cls = cross(maps[image, n, 6], torch.ones(len(n)), reduction="sum")
    box = (1 - aligned_iou(boxes, wanted, "ciou")[0]).sum()
    expected = (2.5 * box + quality + 0.1 * obj + 0.2 * cls) / len(n)
    torch.testing.assert_close(total, expected)
    assert int(parts["positives"]) == len(n) >= 2
    ours, theirs = torch.autograd.grad(total, [raw, scale]), torch.autograd.grad(expected, [raw, scale])
    for a, b in zip(ours, theirs, strict=True):
        assert b.abs().sum() > 0
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def test_ignore_regions_silence_negatives():
    raw = random_raw()
    head()(raw, scene(ignore=REGION))[0].backward()
    assert (raw.grad[..., :4] == 0).all(), "cells of the region learn nothing"
    loss, raw = head(), random_raw()
    loss(raw, scene())[0].backward()
    assert (raw.grad[..., :4] != 0).any()


def test_a_person_inside_an_ignore_region_still_learns():
    loss, raw = head(), random_raw()
    targets = scene(ignore=REGION, people=((0.1, 0.1, 0.4, 0.9),))
    loss(raw, targets)[0].backward()
    predictions, grid = loss.head.predict(raw, ANCHORS)
    assigned = loss.assigner(predictions, targets, grid)
    image, n = (assigned.gt_index >= 0).nonzero(as_tuple=True)
    assert len(n) >= 1
    gradient = raw.grad.view(2, 4, 7, 64).transpose(2, 3).reshape(2, 256, 7)
    assert (gradient[image, n] != 0).all(), "box, objectness, quality and class"


def test_boxes_that_reach_into_an_ignore_region_are_silenced():
    """A negative whose cell lies outside but most of whose box lies inside is not punished either."""
    raw = torch.full((1, 28, 8, 8), -6.0)
    raw.view(4, 7, 8, 8)[3, 2:4] = 0.5  # large boxes for the last anchor
    raw.requires_grad_()
    targets = Targets(torch.zeros(1, 1, 4), torch.full((1, 1), -1), torch.tensor([[[0.0, 0.0, 0.55, 1.0]]]))
    head()(raw, targets)[0].backward()
    quality = raw.grad.view(4, 7, 8, 8)[3, 5]
    assert (quality[:, 4] == 0).all(), "from 0.30 to 0.70, 62 % of it in the region; the cell's centre is at 0.56"
    assert (quality[:, 5] != 0).all(), "from 0.42 to 0.83, 31 % of it in the region"


@pytest.mark.parametrize(("classes", "has_quality"), [(1, True), (0, True), (3, True), (1, False), (0, False)])
@pytest.mark.parametrize("iou_loss", ["iou", "giou", "ciou"])
def test_every_head_and_an_empty_batch(classes, has_quality, iou_loss):
    loss = head(classes, has_quality, "obj_quality", iou_loss=iou_loss)
    for targets in (
        scene(),
        scene(people=()),
        Targets(torch.zeros(2, 0, 4), torch.zeros(2, 0).long(), torch.zeros(2, 0, 4)),
    ):
        raw = random_raw(per_anchor=5 + has_quality + classes)
        total, parts = loss(raw, targets)
        total.backward()
        assert torch.isfinite(total)
        assert torch.isfinite(raw.grad).all()
        assert raw.grad.abs().sum() > 0
        assert not any(part.requires_grad for part in parts.values())


@pytest.mark.parametrize("assigner", ["legacy", "simota", "simota-legacy"])
def test_any_assigner_serves(assigner):
    total, parts = head(anchor_assigner=assigner)(random_raw(), scene())
    assert torch.isfinite(total)
    assert parts["positives"] >= 1


def test_training_on_one_image_finds_its_people():
    loss, targets = head(), scene(batch=1)
    raw = torch.nn.Parameter(random_raw(1).detach() * 0.1)
    optimiser = torch.optim.Adam([raw], 0.1)
    for _ in range(150):
        optimiser.zero_grad()
        loss(raw, targets)[0].backward()
        optimiser.step()
    predictions, _ = loss.head.predict(raw, ANCHORS)
    for person in targets.people.boxes:
        best = aligned_iou(predictions.boxes[0], person.expand(256, 4))[1]
        assert best[predictions.scores[0, :, 0] > 0.5].max() > 0.9
    sure = predictions.scores[0, :, 0] > 0.5
    overlaps = torch.stack([aligned_iou(predictions.boxes[0], p.expand(256, 4))[1] for p in targets.people.boxes])
    assert overlaps[:, sure].amax(0).min() > 0.5, "no sure prediction without a person"


def test_half_precision_logits_are_computed_in_full():
    raw = random_raw().detach()
    total = head()(raw.bfloat16(), scene())[0]
    assert total.dtype == torch.float32
    torch.testing.assert_close(total, head()(raw.bfloat16().float(), scene())[0])


@pytest.mark.parametrize("objective", ["aligned", "original"])
@pytest.mark.parametrize("assigner", ["tal", "legacy", "simota", "simota-legacy"])
def test_nothing_asks_the_device_for_a_number(objective, assigner):
    """On the meta device any shape or branch that depends on data raises."""
    loss = head(objective=objective, anchor_assigner=assigner).to("meta")
    raw = random_raw().detach().to("meta").requires_grad_()
    total, _ = loss(raw, scene(ignore=REGION).to("meta"), torch.ones(4, 2, device="meta"))
    total.backward()
    assert raw.grad.shape == raw.shape


@pytest.mark.gpu
def test_agrees_with_the_processor_on_a_device():
    raw, device = random_raw(), random_raw().detach().cuda().requires_grad_()
    expected, _ = head()(raw, scene(ignore=REGION))
    total, _ = head()(device, scene(ignore=REGION).to("cuda"))
    torch.testing.assert_close(total.cpu(), expected, rtol=1e-4, atol=1e-5)


def test_fast_enough_for_one_slow_thread():
    """About 5 ms for a batch of 64 on an idle core; the bound leaves room for a busy one."""
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 0.5, (64, 3, 2)).astype(np.float32)
    boxes = np.concatenate([corners, corners + rng.uniform(0.05, 0.5, (64, 3, 2)).astype(np.float32)], 2)
    labels, ignore = np.zeros((64, 3), np.int64), np.zeros((64, 1, 4), np.float32)
    targets = Targets.from_batch(SimpleNamespace(boxes=boxes, labels=labels, ignore=ignore))
    loss = build_loss(LossConfig(), ANCHORS.repeat(2, 1), 1, True, "quality_cls")
    raw, times = torch.randn(64, 56, 8, 8).requires_grad_(), []
    for _ in range(15):
        start = time.perf_counter()
        loss(raw, targets)[0].backward()
        times.append(time.perf_counter() - start)
    assert min(times) < 0.06


def test_presets_and_names():
    ours, original = preset(LossConfig), preset(LossConfig, "original")
    assert (ours.objective, ours.anchor_assigner, ours.loss_weight_box) == ("aligned", "tal", 2.5)
    assert (original.objective, original.anchor_assigner, original.loss_weight_box) == ("original", "legacy", 1.0)
    assert from_plain(LossConfig, {"obj-loss": "smoothl1", "loss-weight-box": "16"}).loss_weight_box == 16
    with pytest.raises(UserError, match="simota"):
        from_plain(LossConfig, {"anchor-assigner": "simotta"})

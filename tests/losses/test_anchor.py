from __future__ import annotations

import pytest
import torch

from uhd.assigners.targets import Targets
from uhd.config import preset
from uhd.losses import build_loss
from uhd.losses.attribute import attribute_loss
from uhd.losses.config import LossConfig

INDEX = {"1cls_quality": 100, "1cls_noquality": 101, "3cls_quality": 102, "disable_cls": 103}
OURS = {"simota": "simota-legacy", "vfl": "vfl-legacy"}  # the original's names mean something else here


def one_person(ignore=()) -> Targets:
    regions = torch.tensor(ignore, dtype=torch.float32).reshape(1, -1, 4)
    return Targets(torch.tensor([[[0.6, 0.5, 0.9, 0.95]]]), torch.tensor([[0]]), regions)


@pytest.mark.parametrize("number", range(44))
def test_agrees_with_the_original(golden, harr, padded, number):
    row = golden["anchor_loss"]["rows"][number]
    asked = row["kwargs"]
    classes, has_quality = asked["num_classes"], asked.get("use_quality", False)
    kind = asked.get("cls_loss_type", "bce")
    config = preset(
        LossConfig,
        "original",
        iou_loss=asked["iou_loss"],
        anchor_assigner=OURS.get(asked["assigner"], asked["assigner"]),
        anchor_cls_loss=OURS.get(kind, kind),
        obj_loss=asked.get("obj_loss_type", "bce"),
        obj_target=asked.get("obj_target", "auto"),
        **{key: value for key, value in asked.items() if key.startswith("loss_weight")},
    )
    shape = (2, 8 * (5 + has_quality + classes), 8, 8)
    raw = harr(shape, INDEX.get(row["case"], 100), 3.0).requires_grad_()
    scale = torch.tensor(golden["anchor_loss"]["wh_scale"]) if "wh_scale" in asked else None
    targets = padded(golden["anchor_loss"]["targets_3cls" if classes == 3 else "targets_1cls"])
    total, parts = build_loss(config, torch.tensor(golden["anchors8"]), classes, has_quality)(raw, targets, scale)
    total.backward()
    assert raw.grad is not None
    ours = {name: float(value) for name, value in parts.items()}
    ours["grad_abs_sum"] = float(raw.grad.double().abs().sum())
    for name in ("loss", "box", "obj", "cls", "quality", "grad_abs_sum"):
        assert ours[name] == pytest.approx(row[name], rel=1e-4), name


def test_attribute_head_agrees_with_the_original(golden, harr, padded):
    row = golden["anchor_attr_loss"]
    priors = torch.tensor(golden["anchors8"]) * torch.tensor(golden["anchor_loss"]["wh_scale"])
    loss = attribute_loss(harr((2, 16, 8, 8), 104, 3.0), padded(row["targets"]), priors)
    assert float(loss) == pytest.approx(row["attr"], rel=1e-4)


@pytest.mark.parametrize("assigner", ["legacy", "simota", "simota-legacy", "tal"])
@pytest.mark.parametrize("kind", ["bce", "ce", "vfl", "vfl-legacy", "focal", "qfl"])
@pytest.mark.parametrize("has_quality", [True, False])
def test_no_people_gives_finite_loss_and_gradient(golden, harr, assigner, kind, has_quality):
    config = preset(LossConfig, "original", anchor_assigner=assigner, anchor_cls_loss=kind)
    raw = harr((2, 8 * (7 + has_quality), 8, 8), 1, 3.0).requires_grad_()
    empty = Targets(torch.zeros(2, 0, 4), torch.zeros(2, 0, dtype=torch.int64), torch.zeros(2, 0, 4))
    total, parts = build_loss(config, torch.tensor(golden["anchors8"]), 2, has_quality)(raw, empty)
    total.backward()
    assert torch.isfinite(raw.grad).all()
    assert float(parts["obj"]) > 0
    assert float(parts["box"]) == 0


def test_ignore_regions_silence_negatives(golden, harr):
    loss = build_loss(preset(LossConfig, "original"), torch.tensor(golden["anchors8"]), 1, True)
    raw = harr((1, 56, 8, 8), 1, 3.0).requires_grad_()
    loss(raw, one_person([[0, 0, 0.5, 1]]))[0].backward()
    assert (raw.grad[..., :4] == 0).all()
    assert (raw.grad[..., 4:] != 0).any()


def test_paper_varifocal_learns_the_overlap(golden, harr):
    """The paper's target is the IoU; a logit that already says it leaves no gradient at the positive."""
    config = preset(LossConfig, "original", anchor_cls_loss="vfl")
    loss = build_loss(config, torch.tensor(golden["anchors8"]), 1, True)
    raw, targets = harr((1, 56, 8, 8), 1, 1.0), one_person()
    predictions, grid = loss.head.predict(raw, loss.head.anchors)
    assigned = loss.assigner(predictions, targets, grid)
    n = int((assigned.gt_index[0] >= 0).nonzero())
    iou = assigned.iou[0, n].clamp(1e-4, 1 - 1e-4)
    anchor, cell = divmod(n, 64)
    raw[0, anchor * 7 + 6, cell // 8, cell % 8] = torch.logit(iou)
    raw.requires_grad_()
    loss(raw, targets)[0].backward()
    assert float(raw.grad[0, anchor * 7 + 6, cell // 8, cell % 8]) == pytest.approx(0, abs=1e-4)

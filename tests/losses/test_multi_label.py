"""Boxes at one place become one object with several labels, and every prediction of it learns them."""

from __future__ import annotations

import pytest
import torch

from uhd.assigners.simota_legacy import SimOTALegacyAssigner
from uhd.assigners.targets import Targets
from uhd.config import preset
from uhd.data.multi_label import LabelRoles
from uhd.errors import UserError
from uhd.losses import build_objective
from uhd.losses.attribute import attribute_loss
from uhd.losses.config import LossConfig
from uhd.losses.multi_label import joined
from uhd.models.ultratinyod import UltraTinyOD, UltraTinyODConfig

PERSON, OTHER = [0.2, 0.2, 0.6, 0.8], [0.62, 0.1, 0.9, 0.5]
ROLES = LabelRoles("separate", (0,), (1, 2))
NONE = torch.zeros(0)


def targets(*images: list[tuple[list[float], int]]) -> Targets:
    most = max(len(image) for image in images)
    boxes, labels = torch.zeros(len(images), most, 4), torch.full((len(images), most), -1)
    for i, image in enumerate(images):
        for j, (box, label) in enumerate(image):
            boxes[i, j], labels[i, j] = torch.tensor(box), label
    return Targets(boxes, labels, torch.zeros(len(images), 0, 4))


def network(**more: object) -> UltraTinyOD:
    torch.manual_seed(0)
    values = {"num_classes": 1, "num_attributes": 2, "multi_label_mode": "separate"} | more
    return UltraTinyOD(UltraTinyODConfig(cnn_width=4, num_anchors=2, anchors=((0.2, 0.3), (0.4, 0.6)), **values))


def test_joined() -> None:
    near = [0.2, 0.2, 0.6, 0.75]
    found = joined(targets([(near, 2), (PERSON, 0), (OTHER, 0), (PERSON, 1)], [(PERSON, 1)], [(OTHER, 0)]), ROLES.ranks)
    assert found.people.image.tolist() == [0, 0, 1, 2]
    assert found.people_labels.tolist() == [0, 0, 1, 0]
    assert found.label_sets.tolist() == [[1, 1, 1], [1, 0, 0], [0, 1, 0], [1, 0, 0]]
    kept = joined(targets([(PERSON, 0), (OTHER, 1)]), ROLES.ranks, drop_lonely=True)
    assert kept.label_sets.tolist() == [[1, 0, 0]]
    assert joined(targets([]), ROLES.ranks).label_sets.shape == (0, 3)


def test_a_guest_of_guests_stays_an_object() -> None:
    """The first describes nobody; the third overlaps only the second, which belongs to the first."""
    chain = [[0.0, 0, 0.4, 0.4], [0.0, 0, 0.4, 0.5], [0.0, 0, 0.4, 0.62]]
    found = joined(targets([(box, label) for label, box in enumerate(chain)]), (0, 1, 2))
    assert found.label_sets.tolist() == [[1, 1, 0], [0, 0, 1]]


@pytest.mark.parametrize("preset_name", ["uhd", "original"])
def test_the_attributes_are_part_of_the_total(preset_name: str) -> None:
    model = network()
    batch = targets([(PERSON, 0), (PERSON, 1)], [])
    maps = model.train()(torch.rand(2, 3, 64, 64))
    sums = []
    for weight in (0.0, 2.0):
        config = preset(LossConfig, preset_name, multi_label_attr_weight=weight)
        total, parts = build_objective(model, config, ROLES)(maps, batch)
        assert float(parts["loss"]) == pytest.approx(float(total))
        sums.append(float(total))
    assert sums[1] - sums[0] == pytest.approx(2 * float(parts["attr"]), rel=1e-4)
    total.backward()
    assert model.head.attr_out.weight.grad.abs().sum() > 0


def test_the_originals_term() -> None:
    model = network()
    batch = targets([(PERSON, 0), (PERSON, 1), (OTHER, 2)])
    raw, logits = model(torch.rand(1, 3, 64, 64))
    _, parts = build_objective(model, preset(LossConfig, "original"), ROLES)((raw, logits), batch)
    alone = targets([(PERSON, 0), (OTHER, 1)])
    assert float(parts["attr"]) == pytest.approx(float(attribute_loss(logits, alone, model.anchors)), rel=1e-5)


def test_our_term_teaches_presence_and_absence() -> None:
    """All predictions of the person learn its attribute; the one it lacks is pushed down, the background is left."""
    model = network()
    raw, logits = (each.detach() for each in model(torch.rand(1, 3, 64, 64)))
    logits.requires_grad_()
    build_objective(model, LossConfig(), ROLES)((raw, logits), targets([(PERSON, 0), (PERSON, 1)]))[0].backward()
    gradient = logits.grad.view(2, 2, 64)
    assert (gradient[:, 0] <= 0).all()
    assert (gradient[:, 1] >= 0).all()
    assert torch.equal(gradient[:, 0] < 0, gradient[:, 1] > 0)
    assert 0 < int((gradient[:, 0] < 0).sum()) <= 10


def test_objects_learn_as_if_attributes_were_not_there() -> None:
    model, plain = network(), network(num_attributes=0, multi_label_mode="none")
    raw, logits = model(torch.rand(1, 3, 64, 64))
    _, parts = build_objective(model, LossConfig(), ROLES)((raw, logits), targets([(PERSON, 0), (PERSON, 2)]))
    _, wanted = build_objective(plain, LossConfig())(raw, targets([(PERSON, 0)]))
    for name in ("box", "quality", "obj", "cls", "positives"):
        assert float(parts[name]) == pytest.approx(float(wanted[name]), rel=1e-5), name


def test_one_branch_for_all_labels() -> None:
    model = network(num_classes=3, num_attributes=0, multi_label_mode="single")
    roles = LabelRoles("single", (0, 1, 2), ())
    raw = model(torch.rand(1, 3, 64, 64)).detach().requires_grad_()
    _, parts = build_objective(model, LossConfig(), roles)(raw, targets([(PERSON, 0), (PERSON, 2)]))
    total, alone = build_objective(model, LossConfig(), roles)(raw, targets([(PERSON, 0)]))
    assert float(parts["positives"]) == float(alone["positives"])
    build_objective(model, LossConfig(), roles)(raw, targets([(PERSON, 0), (PERSON, 2)]))[0].backward()
    classes = raw.grad.view(2, 9, 64)[:, 6:]
    taught = classes.abs().sum(1) > 0
    assert (classes[:, 0][taught] < 0).all()
    assert (classes[:, 1][taught] > 0).all()
    assert (classes[:, 2][taught] < 0).all()
    assert total.requires_grad


def test_the_original_lets_lost_claims_teach_their_class() -> None:
    model = network(num_classes=2, num_attributes=0, multi_label_mode="single")
    roles = LabelRoles("single", (0, 1), ())
    config = preset(LossConfig, "original", anchor_assigner="simota-legacy")
    raw = model(torch.rand(1, 3, 64, 64)).detach().requires_grad_()
    build_objective(model, config, roles)(raw, targets([(PERSON, 0), (PERSON, 1)]))[0].backward()
    classes = raw.grad.view(2, 8, 64)[:, 6:]
    assert ((classes[:, 0] < 0) & (classes[:, 1] < 0)).any()
    assert SimOTALegacyAssigner().multi_label is False


def test_no_objects_at_all() -> None:
    model = network()
    for name in ("uhd", "original"):
        total, parts = build_objective(model, preset(LossConfig, name), ROLES)(
            model(torch.rand(2, 3, 64, 64)), targets([], [])
        )
        total.backward()
        assert float(parts["attr"]) == 0


def test_refused() -> None:
    with pytest.raises(UserError, match="which classes"):
        build_objective(network(), LossConfig())
    with pytest.raises(UserError, match="ce lets one class win"):
        build_objective(network(), LossConfig(anchor_cls_loss="ce"), ROLES)

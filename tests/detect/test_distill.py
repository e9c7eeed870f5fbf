"""The teacher's part of training: who gets gradients, which terms have a meaning for a pair."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch

from uhd.config import preset
from uhd.detect.distill import resolve_weights
from uhd.detect.teacher import Teachers
from uhd.errors import UserError
from uhd.losses.distillation.config import DistillConfig
from uhd.losses.distillation.terms import TERMS
from uhd.models import create_model

from .pair import ANCHORS, EVERYTHING, MODE, SIZE, batch, distil, loss, network


@pytest.mark.parametrize("objective", ["foreground", "original"])
def test_gradients_reach_the_student_and_the_adapter_only(objective):
    student, teacher = network(4), network(6, seed=1)
    distillation = distil(student, teacher, distill_objective=objective, **EVERYTHING)
    before = copy.deepcopy(teacher.state_dict())
    teacher.train()
    teacher.eval()
    total, terms = loss(distillation, student, batch())
    assert set(terms) == set(EVERYTHING)
    total.backward()
    assert all(p.grad is None and not p.requires_grad for p in teacher.parameters())
    assert not teacher.training
    assert all(torch.equal(value, before[name]) for name, value in teacher.state_dict().items())
    assert [tuple(p.shape) for p in distillation.parameters()] == [(24, 16, 1, 1), (24,)]
    for part in (distillation.adapter.weight, student.backbone.stem.conv.weight, student.head.quality_out.weight):
        assert part.grad is not None
        assert float(part.grad.abs().max()) > 0
    assert set(distillation.state_dict()) == {"adapter.weight", "adapter.bias"}


def test_a_student_equal_to_its_teacher_pays_nothing():
    student = network(4).eval()
    distillation = distil(student, copy.deepcopy(student), **EVERYTHING)
    total, terms = loss(distillation, student, batch())
    assert not list(distillation.parameters())
    for name, value in terms.items():
        assert abs(float(value)) < 1e-3, name
    assert abs(float(total.detach())) < 1e-3


def test_a_teacher_in_half_numbers_says_nearly_the_same_to_a_student_in_whole_ones():
    student, teacher = network(4), network(6, seed=1)
    wanted = {f"distill_{name}": 1.0 for name in ("kl", "box_l1", "obj", "quality")}
    whole, half = (distil(student, copy.deepcopy(teacher), teacher_dtype=t, **wanted) for t in ("float32", "bf16"))
    expected, found = loss(whole, student, batch())[1], loss(half, student, batch())[1]
    assert any(not torch.equal(found[name], value) for name, value in expected.items())
    for name, value in expected.items():
        assert float(found[name]) == pytest.approx(float(value), rel=0.05, abs=1e-3), name
    total, _ = loss(half, student, batch())
    total.backward()
    assert all(p.dtype == torch.float32 for p in student.parameters())


def test_the_ramp_ends_at_one():
    distillation = distil(network(), network(seed=1), distill_cosine=True, distill_kl=1.0)
    factors = []
    for epoch in range(4):
        distillation.start_epoch(epoch)
        factors.append(distillation.factor)
    assert factors == pytest.approx([0.1464, 0.5, 0.8536, 1.0], abs=1e-4)
    flat = distil(network(), network(seed=1))
    flat.start_epoch(0)
    assert flat.factor == 1


def test_a_sharper_teacher_has_images_of_its_own_and_a_grid_of_its_own():
    student, teacher = network(4), network(4, seed=1)
    distillation = distil(student, teacher, size=(64, 64), **EVERYTHING)
    assert distillation.view == ((64, 64), MODE)
    sharp = np.random.default_rng(1).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    first, second = (float(loss(distillation, student, batch(s))[0].detach()) for s in (sharp, 255 - sharp))
    assert first != second
    assert distil(student, teacher).view is None


def test_weights_that_are_not_said_suit_the_pair():
    usual = {name: weight for name, weight in TERMS["anchor"].weights.items() if weight}
    assert distil(network(), network(6)).weights == usual
    assert distil(network(), network(6), distill_box_l1=0.0, distill_obj=3.0).weights == {
        name: weight for name, weight in (usual | {"obj": 3.0}).items() if name != "box_l1"
    }
    plain = network(6, use_improved_head=False, use_iou_aware_head=False)
    assert "quality" not in distil(network(), plain).weights
    usual_settings = preset(DistillConfig, "uhd", teacher_ckpt=Path("t.pt"))
    untaught = Teachers(network(6), None, SIZE, MODE, untrained=("obj",))
    assert resolve_weights(usual_settings, network(), untaught).keys() == usual.keys() - {"obj"}
    original = preset(DistillConfig, "original", teacher_ckpt=Path("t.pt"))
    assert resolve_weights(original, network(), Teachers(network(6), None, SIZE, MODE)) == {}


def test_the_summary_names_the_teacher_its_size_and_the_terms():
    said = distil(network(), network(6), size=(64, 64), distill_kl=0.0, distill_obj=0.0, distill_feat=0.5).summary()
    usual = TERMS["anchor"].weights
    terms = f"box-l1 {usual['box_l1']:g}, quality {usual['quality']:g}, feat 0.5"
    assert said == f"learning from teacher.safetensors at 64x64: {terms}"


@pytest.mark.parametrize(
    ("teacher", "settings", "words"),
    [
        ({"num_classes": 3}, {"distill_kl": 1.0}, "knows 3 classes, the student 1"),
        ({"use_improved_head": False, "use_iou_aware_head": False}, {"distill_quality": 1.0}, "no quality branch"),
        ({"disable_cls": True}, {"distill_kl": 1.0}, "the teacher is classless"),
        (
            {"num_anchors": 2, "anchors": ANCHORS[:2]},
            {"distill_objective": "original"},
            "has 2 anchors, the student 3: use --distill-objective foreground",
        ),
    ],
)
def test_what_has_no_meaning_for_a_pair_is_refused(teacher, settings, words):
    with pytest.raises(UserError, match=words):
        distil(network(), network(6, **teacher), **settings)


def test_a_term_without_meaning_is_left_out_when_nobody_asked_for_it():
    assert "kl" not in distil(network(), network(6, disable_cls=True)).weights
    assert set(distil(network(), network(6, num_classes=3), distill_feat=1.0).weights) == {"feat"}
    with pytest.raises(UserError, match="can learn nothing from this teacher"):
        distil(network(), network(6, num_classes=3))


TINY = {
    "ultratinyod": ("ultratinyod", {"cnn_width": 4, "anchors": ANCHORS, "num_anchors": 3}),
    "cnn with anchors": ("cnn", {"cnn_width": 8, "use_anchor": True, "anchors": ANCHORS, "num_anchors": 3}),
    "centernet": ("cnn", {"cnn_width": 4}),
    "centernet, wider": ("cnn", {"cnn_width": 8}),
    "centernet on a backbone": ("cnn", {"backbone": "microcspnet"}),
    "queries": ("transformer", {"d_model": 8, "heads": 2, "layers": 1, "num_queries": 6, "dim_feedforward": 16}),
    "queries, wider": ("transformer", {"d_model": 16, "heads": 4, "layers": 2, "num_queries": 9}),
}


@pytest.mark.parametrize(
    ("student", "teacher", "terms"),
    [
        ("cnn with anchors", "ultratinyod", {"box_l1", "obj", "kl"}),
        ("ultratinyod", "cnn with anchors", {"box_l1", "obj", "kl"}),
        ("centernet", "centernet, wider", {"box_l1", "kl"}),
        ("queries", "queries, wider", {"box_l1", "kl"}),
        ("queries, wider", "queries", {"box_l1", "kl"}),
        ("ultratinyod", "centernet, wider", {"feat"}),
        ("centernet", "ultratinyod", {"feat"}),
        ("ultratinyod", "centernet on a backbone", {"feat"}),
    ],
)
def test_architectures_teach_each_other_where_that_has_a_meaning(student, teacher, terms):
    torch.manual_seed(0)
    pupil, master = (create_model(TINY[name][0], **TINY[name][1]) for name in (student, teacher))
    distillation = distil(pupil, master, distill_feat=1.0 if "feat" in terms else None)
    assert set(distillation.weights) == terms
    total, found = loss(distillation, pupil.train(), batch())
    assert set(found) == {f"distill_{name}" for name in terms}
    assert all(torch.isfinite(value) for value in found.values())
    total.backward()
    assert any(float(p.grad.abs().max()) > 0 for p in pupil.parameters() if p.grad is not None)


@pytest.mark.parametrize(("student", "teacher"), [("ultratinyod", "queries"), ("queries", "centernet")])
def test_predictions_of_another_kind_are_refused_by_name(student, teacher):
    pupil, master = (create_model(TINY[name][0], **TINY[name][1]) for name in (student, teacher))
    with pytest.raises(UserError, match=r"predictions of .* and of the teacher teacher\.safetensors, .* mean"):
        distil(pupil, master, distill_box_l1=1.0)

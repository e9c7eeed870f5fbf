"""The teacher's part of training: who gets gradients, which pairs can learn, what a file must hold."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch

from uhd.config import preset
from uhd.data.batch import Batch
from uhd.detect.distill import Distillation, resolve_weights
from uhd.detect.teacher import Teachers, load_teachers, pair_anchors, take_anchors
from uhd.errors import UserError
from uhd.losses.distillation.config import DistillConfig
from uhd.losses.distillation.terms import TERMS
from uhd.models import create_model
from uhd.models.weights import describe, save_weights

SIZE, MODE, CPU = (32, 32), "opencv_inter_nearest", torch.device("cpu")
ANCHORS = ((0.1, 0.2), (0.3, 0.5), (0.6, 0.8))
EVERYTHING = {f"distill_{name}": 1.0 for name in ("kl", "box_l1", "obj", "quality", "feat")}


def network(width=4, seed=0, **config):
    torch.manual_seed(seed)
    return create_model(**({"cnn_width": width, "anchors": ANCHORS, "num_anchors": len(ANCHORS)} | config))


def distil(student, teacher, size=SIZE, epochs=4, **settings):
    config = DistillConfig(teacher_ckpt=Path("teacher.safetensors"), **settings)
    return Distillation(student, Teachers(teacher, None, size, MODE), config, SIZE, MODE, epochs, CPU)


def batch(second=None):
    images = np.random.default_rng(0).integers(0, 256, (2, *SIZE, 3), dtype=np.uint8)
    nothing = np.zeros((2, 1, 4), np.float32)
    return Batch(images, nothing, np.full((2, 1), -1), nothing, ("a", "b"), second)


def loss(distillation, student, given):
    from uhd.resize import to_network

    with distillation.watching() as features:
        raw = student(torch.from_numpy(to_network(given.images, MODE)))
    return distillation(raw, features, given)


def saved(path, model, **meta):
    save_weights(path, model.state_dict(), describe(model, img_size="32x32", resize_mode=MODE) | meta)
    return path


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


def test_anchors_are_paired_by_size():
    assert pair_anchors(network(), network(6)) is None
    assert pair_anchors(network(), network(6, anchors=ANCHORS[::-1])) == (2, 1, 0)
    assert pair_anchors(network(), network(6, anchors=ANCHORS[:0:-1], num_anchors=2)) == (-1, 1, 0)
    tiny = tuple((w * 1e-5, h * 1e-5) for w, h in ANCHORS)
    pairs = pair_anchors(network(), network(6, anchors=tiny))
    assert pairs is not None
    assert sorted(pairs) == [0, 1, 2]


def test_a_teacher_whose_anchors_stand_in_another_order_teaches_the_same():
    student, teacher = network(4).eval(), network(6, seed=1).eval()
    order = [2, 0, 1]
    other = network(6, seed=1, anchors=tuple(ANCHORS[i] for i in order)).eval()
    with torch.no_grad():
        for layer in other.answers():  # an anchor's rows go where its anchor went
            for value in layer.parameters():
                value.copy_(value.unflatten(0, (3, -1))[order].flatten(0, 1))
        if other.wh_scale is not None:
            other.wh_scale.copy_(other.wh_scale[order])
    settings = {name: value for name, value in EVERYTHING.items() if name != "distill_feat"}
    expected = loss(distil(student, teacher, **settings), student, batch())[1]
    found = loss(distil(student, other, **settings), student, batch())[1]
    for name, value in expected.items():
        assert float(found[name]) == pytest.approx(float(value), rel=1e-4), name


def test_a_teacher_with_fewer_anchors_teaches_those_it_knows():
    student, teacher = network(4), network(6, seed=1, anchors=ANCHORS[:2], num_anchors=2)
    distillation = distil(student, teacher, **EVERYTHING)
    assert "other anchors" in distillation.summary()
    total, terms = loss(distillation, student, batch())
    assert set(terms) == set(EVERYTHING)
    assert bool(torch.isfinite(total.detach()))
    total.backward()
    gradient = student.head.quality_out.weight.grad.reshape(3, -1).abs().amax(1)
    assert float(gradient[:2].min()) > 0
    assert float(gradient[2]) == 0


def test_the_teachers_anchors_replace_the_students(tmp_path):
    teacher = network(6, anchors=ANCHORS[:2], num_anchors=2)
    config = take_anchors(network().config, Teachers(teacher, None, SIZE, MODE), True)
    assert config.num_anchors == 2
    assert np.allclose(config.anchors, ANCHORS[:2])
    assert take_anchors(network().config, None, False) == network().config
    with pytest.raises(UserError, match="must both have anchors"):
        take_anchors(network().config, None, True)


def test_the_file_tells_architecture_size_and_mode(tmp_path):
    path = saved(tmp_path / "t.safetensors", network(6), img_size="64x48", resize_mode="torch_bilinear")
    teachers = load_teachers(DistillConfig(teacher_ckpt=path, teacher_arch="ultratinyod"), SIZE, MODE)
    assert teachers is not None
    assert teachers.size == (64, 48)
    assert teachers.mode == "torch_bilinear"
    assert teachers.detector is not None
    assert teachers.detector.config.cnn_width == 6
    typed = load_teachers(DistillConfig(teacher_ckpt=path, teacher_img_size=(96, 96)), SIZE, MODE)
    assert typed is not None
    assert typed.size == (96, 96)


def test_a_size_at_which_the_teachers_anchors_are_wrong_is_refused(tmp_path):
    path = saved(tmp_path / "t.safetensors", network(6), img_size="32x32")

    def build(**settings):
        config = DistillConfig(teacher_ckpt=path, teacher_img_size=(64, 64), **settings)
        return Distillation(network(), load_teachers(config, SIZE, MODE), config, SIZE, MODE, 1, CPU)

    with pytest.raises(UserError, match=r"--teacher-img-size 64x64: .*t\.safetensors was trained at 32x32"):
        build()
    others = dict.fromkeys(["distill_kl", "distill_box_l1", "distill_obj", "distill_quality"], 0.0)
    assert build(distill_feat=1.0, **others).view == ((64, 64), MODE)


def test_averaged_weights_teach(tmp_path):
    raw, averaged = network(4), network(4, seed=1)
    torch.save(
        {"model": raw.state_dict(), "ema": averaged.state_dict(), "use_ema": True} | describe(raw), tmp_path / "t.pt"
    )
    teachers = load_teachers(DistillConfig(teacher_ckpt=tmp_path / "t.pt"), SIZE, MODE)
    assert teachers is not None
    assert teachers.detector is not None
    wanted = averaged.state_dict()["head.box_out.weight"]
    assert torch.equal(teachers.detector.state_dict()["head.box_out.weight"], wanted)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"teacher_arch": "cnn"}, "--teacher-arch cnn: .* holds a model of ultratinyod"),
        ({"teacher_activation": "swish"}, "--teacher-activation swish: the teacher in .* has relu"),
        ({"teacher_d_model": 64}, "--teacher-d-model 64: .* which has no such setting"),
        ({"teacher_img_size": (60, 64)}, "not divisible"),
    ],
)
def test_what_the_user_says_of_the_teacher_must_be_true(tmp_path, settings, words):
    path = saved(tmp_path / "t.safetensors", network())
    with pytest.raises(UserError, match=words):
        load_teachers(DistillConfig(teacher_ckpt=path, **settings), SIZE, MODE)


@pytest.mark.parametrize(
    "settings",
    [
        {"distill_kl": 1.0},
        {"distill_feat": 0.5},
        {"distill_cosine": True},
        {"teacher_img_size": (64, 64)},
        {"override_from_teacher_anchors": True},
    ],
)
def test_a_flag_that_needs_a_teacher_says_so(settings):
    with pytest.raises(UserError, match="needs a teacher: --teacher-ckpt FILE"):
        load_teachers(DistillConfig(**settings), SIZE, MODE)


def test_files_that_are_no_teacher_are_refused(tmp_path):
    (tmp_path / "broken.pt").write_bytes(b"no checkpoint")
    torch.save({"state_dict": {"weight": torch.zeros(3)}}, tmp_path / "other.pt")
    for name in ("absent.pt", "broken.pt", "other.pt"):
        with pytest.raises(UserError, match=name):
            load_teachers(DistillConfig(teacher_ckpt=tmp_path / name), SIZE, MODE)


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

"""A teacher whose anchors are not the student's: pairs of one size, others, none."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from uhd.detect.distill import Distillation
from uhd.detect.teacher import Teachers, load_teachers, pair_anchors, take_anchors
from uhd.errors import UserError
from uhd.losses.distillation.config import DistillConfig

from .pair import ANCHORS, CPU, EVERYTHING, MODE, SIZE, batch, distil, loss, network, saved


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


def test_a_size_at_which_the_teachers_anchors_are_wrong_is_refused(tmp_path):
    path = saved(tmp_path / "t.safetensors", network(6), img_size="32x32")

    def build(**settings):
        config = DistillConfig(teacher_ckpt=path, teacher_img_size=(64, 64), **settings)
        return Distillation(network(), load_teachers(config, SIZE, MODE), config, SIZE, MODE, 1, CPU)

    with pytest.raises(UserError, match=r"--teacher-img-size 64x64: .*t\.safetensors was trained at 32x32"):
        build()
    others = dict.fromkeys(["distill_kl", "distill_box_l1", "distill_obj", "distill_quality"], 0.0)
    assert build(distill_feat=1.0, **others).view == ((64, 64), MODE)

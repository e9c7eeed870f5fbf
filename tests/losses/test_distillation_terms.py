"""Every term is zero where both agree, and counts what the teacher sees."""

from __future__ import annotations

import pytest
import torch

from uhd.losses.distillation.dense import Dense, aligned, read_dense
from uhd.losses.distillation.features import build_adapter, correlation_loss, normalised_l1
from uhd.losses.distillation.foreground import foreground_terms
from uhd.losses.distillation.original import original_terms
from uhd.losses.distillation.probabilities import binary_divergence, soft_cross_entropy, softmax_divergence
from uhd.losses.distillation.queries import pair_queries, query_terms
from uhd.models import create_model

ALL = frozenset({"kl", "box_l1", "obj", "quality"})


def raw_of(network, size=(4, 4), seed=0, scale=1.0):
    layout = network.layout()
    channels = layout.num_anchors * layout.channels_per_anchor
    return torch.randn(2, channels, *size, generator=torch.Generator().manual_seed(seed)) * scale


@pytest.fixture(scope="module")
def network():
    return create_model(cnn_width=4, num_anchors=3, anchors=((0.1, 0.2), (0.3, 0.5), (0.6, 0.8)))


def dense(grid, score, boxes=None, anchors=1):
    n = anchors * grid[0] * grid[1]
    boxes = torch.zeros(1, n, 4) if boxes is None else boxes
    return Dense(boxes, None, None, None, torch.as_tensor(score).float().view(1, n), grid)


@pytest.mark.parametrize("temperature", [1.0, 2.0, 5.0])
def test_probabilities_agree_at_no_cost_and_differ_at_some(temperature):
    a, b = torch.randn(2, 50, 3, generator=torch.Generator().manual_seed(1)) * 4
    for distance in (binary_divergence, softmax_divergence):
        assert distance(a, a, temperature).abs().max() < 1e-4
        assert distance(b, a, temperature).min() > -1e-5
        assert distance(b, a, temperature).mean() > 0.1
    assert soft_cross_entropy(a, a, temperature).min() > 0


def test_the_gradient_of_a_small_difference_does_not_depend_on_the_temperature():
    sizes = []
    for temperature in (1.0, 4.0):
        student = torch.full((1,), 0.01, requires_grad=True)
        binary_divergence(student, torch.zeros(1), temperature).sum().backward()
        sizes.append(float(student.grad))
    assert sizes[0] == pytest.approx(sizes[1], rel=1e-2)


def test_a_student_that_says_what_its_teacher_says_pays_nothing(network):
    raw = raw_of(network, scale=3.0)
    mine = read_dense(network, raw)
    for value in foreground_terms(mine, mine, ALL, 2.0).values():
        assert abs(float(value.detach())) < 1e-4
    assert float(original_terms(network, raw, network, raw, ALL, 2.0)["box_l1"].detach()) == 0


def test_every_term_moves_what_it_is_about(network):
    raw, taught = raw_of(network).requires_grad_(), raw_of(network, seed=1)
    terms = foreground_terms(read_dense(network, raw), read_dense(network, taught), ALL, 1.0)
    assert set(terms) == ALL
    channels = {"box_l1": [0, 1, 2, 3], "obj": [4], "quality": [5], "kl": [6]}
    for name, term in terms.items():
        gradient = torch.autograd.grad(term, raw, retain_graph=True)[0].view(2, 3, 7, -1).abs().amax((0, 1, 3))
        assert [j for j in range(7) if gradient[j] > 0] == channels[name], name


def test_empty_cells_do_not_drown_the_one_that_shows_a_person():
    student = dense((8, 8), torch.zeros(64), torch.rand(1, 64, 4) * 0.5 + 0.1)
    score = torch.full((64,), 1e-4)
    score[20] = 0.9
    boxes = student.boxes.clone()
    boxes[:, 20] += torch.tensor([0.1, 0.0, 0.0, 0.0])
    one = foreground_terms(student, dense((8, 8), score, boxes), frozenset({"box_l1"}), 1.0)["box_l1"]
    boxes[:, 21:] += 0.1
    many = foreground_terms(student, dense((8, 8), score, boxes), frozenset({"box_l1"}), 1.0)["box_l1"]
    assert float(one) > 0.01
    assert float(many - one) < 0.1 * float(one)


def test_a_pixel_counts_more_for_a_small_person():
    def cost(side):
        place = torch.tensor([[[0.5, 0.5, side, side]]])
        moved = place + torch.tensor([0.01, 0, 0, 0])
        return float(foreground_terms(dense((1, 1), [0.0], moved), dense((1, 1), [1.0], place), ALL, 1.0)["box_l1"])

    assert cost(0.1) == pytest.approx(4 * cost(0.4), rel=1e-3)


def test_of_a_finer_grid_the_best_prediction_in_the_cell_speaks():
    score = torch.zeros(2, 4, 4)
    score[0, 1, 0], score[0, 0, 1], score[1, 3, 3] = 0.9, 0.5, 0.7
    boxes = torch.arange(32.0)[None, :, None].expand(1, 32, 4)
    found = aligned(dense((4, 4), score, boxes, anchors=2), (2, 2))
    assert found.grid == (2, 2)
    assert found.score.tolist()[0] == pytest.approx([0.9, 0, 0, 0, 0, 0, 0, 0.7])
    assert found.boxes[0, 0, 0] == 4
    assert found.boxes[0, 7, 0] == 31
    assert found.valid is None


def test_of_a_coarser_grid_only_the_cell_of_its_centre_is_taught():
    boxes = torch.tensor([[[0.30, 0.10, 0.2, 0.2], [0.60, 0.10, 0.2, 0.2], [0.1, 0.9, 0.2, 0.2], [0.9, 0.6, 0.2, 0.2]]])
    found = aligned(dense((2, 2), torch.ones(4), boxes), (4, 4))
    assert found.valid is not None
    assert found.valid.view(4, 4).nonzero().tolist() == [[0, 1], [0, 2], [2, 3], [3, 0]]


def test_the_same_grid_is_left_alone():
    teacher = dense((2, 3), torch.rand(6))
    assert aligned(teacher, (2, 3)) is teacher


def test_features_correlate_whatever_their_scale_and_offset():
    teacher = torch.randn(4, 6, 8, 8, generator=torch.Generator().manual_seed(3))
    assert float(correlation_loss(teacher * 3 + 5, teacher)) == pytest.approx(0, abs=1e-4)
    assert float(correlation_loss(-teacher, teacher)) == pytest.approx(2, abs=1e-4)
    other = torch.randn(4, 6, 8, 8, generator=torch.Generator().manual_seed(4))
    assert 0.8 < float(correlation_loss(other, teacher)) < 1.2
    assert float(normalised_l1(teacher * 3, teacher)) == pytest.approx(0, abs=1e-6)


def test_a_dead_channel_of_the_teacher_says_nothing():
    teacher = torch.randn(2, 2, 4, 4, generator=torch.Generator().manual_seed(5))
    teacher[:, 1] = 0.5
    student = teacher.clone()
    student[:, 1] = torch.randn(2, 4, 4)
    assert float(correlation_loss(student, teacher)) == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize("size", [(16, 16), (4, 4), (12, 20)])
def test_features_of_another_grid_are_brought_to_the_students(size):
    student, teacher = torch.randn(2, 3, 8, 8), torch.randn(2, 3, *size)
    assert torch.isfinite(correlation_loss(student, teacher))
    assert torch.isfinite(normalised_l1(student, teacher))


def test_equal_widths_need_no_adapter():
    assert not list(build_adapter(8, 8).parameters())
    assert [tuple(p.shape) for p in build_adapter(8, 12).parameters()] == [(12, 8, 1, 1), (12,)]


def queries(seed, count=6):
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(count, 3, 2, generator=draw) * 3, torch.rand(count, 3, 4, generator=draw)


def test_queries_in_another_order_teach_the_same():
    logits, boxes = queries(0)
    order = torch.tensor([3, 1, 5, 0, 2, 4])
    mine, theirs = pair_queries(logits, boxes, logits[order], boxes[order])
    assert torch.equal(order[theirs], mine)
    terms = query_terms((logits, boxes), (logits[order], boxes[order]), frozenset({"kl", "box_l1"}), 2.0, False)
    assert all(abs(float(value)) < 1e-4 for value in terms.values())
    by_number = query_terms((logits, boxes), (logits[order], boxes[order]), frozenset({"kl", "box_l1"}), 2.0, True)
    assert all(float(value) > 0.05 for value in by_number.values())


@pytest.mark.parametrize("counts", [(6, 4), (4, 6)])
def test_models_with_unequal_numbers_of_queries_meet(counts):
    logits, boxes = (each.requires_grad_() for each in queries(1, counts[0]))
    terms = query_terms((logits, boxes), queries(2, counts[1]), frozenset({"kl", "box_l1"}), 1.0, False)
    sum(terms.values()).backward()
    assert logits.grad is not None
    assert boxes.grad is not None
    assert int((boxes.grad.abs().sum(-1) > 0).sum()) == 3 * min(counts)

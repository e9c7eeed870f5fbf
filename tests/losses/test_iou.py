from __future__ import annotations

import numpy as np
import pytest
import torch

from uhd import boxes as numpy_boxes
from uhd.losses.iou import aligned_iou, pairwise_iou


@pytest.mark.parametrize("kind", ["iou", "giou", "ciou"])
def test_agrees_with_the_original(golden, corners, kind):
    pairs = golden["iou_pairs"]
    ours = aligned_iou(corners(pairs["a_cxcywh"]), corners(pairs["b_cxcywh"]), kind)[0]
    torch.testing.assert_close(ours, torch.tensor(pairs[kind]), rtol=1e-4, atol=1e-6)


def test_pairwise_agrees_with_the_numpy_room():
    rng = np.random.default_rng(0)
    a, b = (np.sort(rng.random((n, 2, 2)), 1).reshape(n, 4).astype(np.float32) for n in (7, 5))
    expected = numpy_boxes.iou_matrix(a, b)
    assert expected.max() > 0.1
    np.testing.assert_allclose(pairwise_iou(torch.tensor(a), torch.tensor(b)), expected, rtol=1e-4, atol=1e-5)


def test_alpha_carries_no_gradient():
    """The aspect term's factor is a constant: d(ciou)/d(box) equals that with the factor frozen."""
    a = torch.tensor([[0.1, 0.1, 0.5, 0.3]], dtype=torch.float64, requires_grad=True)
    b = torch.tensor([[0.15, 0.12, 0.4, 0.5]], dtype=torch.float64)
    ciou, iou = aligned_iou(a, b, "ciou")
    (full,) = torch.autograd.grad(ciou.sum(), a)

    def frozen(box: torch.Tensor) -> torch.Tensor:
        x1, y1, x2, y2 = box[0]
        u1, v1, u2, v2 = b[0]
        aspect = 4 / torch.pi**2 * (torch.atan((u2 - u1) / (v2 - v1)) - torch.atan((x2 - x1) / (y2 - y1))) ** 2
        centre = ((x1 + x2 - u1 - u2) ** 2 + (y1 + y2 - v1 - v2) ** 2) / 4
        hull = (torch.maximum(x2, u2) - torch.minimum(x1, u1)) ** 2 + (
            torch.maximum(y2, v2) - torch.minimum(y1, v1)
        ) ** 2
        alpha = (aspect / (1 - iou[0] + aspect)).detach()
        return aligned_iou(box, b)[0].sum() - centre / hull - alpha * aspect

    (expected,) = torch.autograd.grad(frozen(a), a)
    torch.testing.assert_close(full, expected, rtol=1e-4, atol=1e-5)


def test_degenerate_boxes_stay_finite():
    point = torch.tensor([[0.5, 0.5, 0.5, 0.5]], requires_grad=True)
    for kind in ("iou", "giou", "ciou"):
        overlap = aligned_iou(point, torch.tensor([[0.5, 0.5, 0.5, 0.5]]), kind)[0]
        (gradient,) = torch.autograd.grad(overlap.sum(), point)
        assert torch.isfinite(overlap).all()
        assert torch.isfinite(gradient).all()


def test_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="ciou"):
        aligned_iou(torch.zeros(1, 4), torch.zeros(1, 4), "siou")

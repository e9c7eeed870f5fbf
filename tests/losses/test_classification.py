from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from uhd.losses.classification import (
    binary_cross_entropy,
    cross_entropy,
    distribution_focal,
    focal,
    quality_focal,
    varifocal,
    varifocal_legacy,
)


def test_varifocal_of_the_original(golden):
    row = golden["varifocal"]
    loss = varifocal_legacy(torch.tensor(row["pred"]), torch.tensor(row["target"])).mean()
    torch.testing.assert_close(loss, torch.tensor(row["loss"]), rtol=1e-4, atol=0)


def test_cross_entropy_is_the_frameworks_and_does_not_overflow():
    logits, target = torch.tensor([-90.0, -3.0, 0.0, 2.0, 90.0]), torch.tensor([1.0, 0.3, 0.5, 1.0, 0.0])
    expected = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    torch.testing.assert_close(binary_cross_entropy(logits, target), expected)


def test_varifocal_of_the_paper():
    logits, target = torch.tensor([0.0, 2.0]), torch.tensor([0.6, 0.0])
    p, log = torch.sigmoid(logits), torch.log
    expected = torch.stack([-0.6 * (0.6 * log(p[0]) + 0.4 * log(1 - p[0])), -0.75 * p[1] ** 2 * log(1 - p[1])])
    torch.testing.assert_close(varifocal(logits, target), expected)


def test_focal_and_quality_focal_of_the_papers():
    logits, hard, soft = torch.tensor([1.0, 1.0]), torch.tensor([1.0, 0.0]), torch.tensor([0.3, 0.0])
    p = torch.sigmoid(logits)
    expected = torch.stack([-0.25 * (1 - p[0]) ** 2 * p[0].log(), -0.75 * p[1] ** 2 * (1 - p[1]).log()])
    torch.testing.assert_close(focal(logits, hard), expected)
    cross = F.binary_cross_entropy_with_logits(logits, soft, reduction="none")
    torch.testing.assert_close(quality_focal(logits, soft), (soft - p).abs() ** 2 * cross)


def test_the_gradient_of_varifocal_goes_through_the_weight_of_negatives():
    target = torch.tensor([0.0, 0.0, 0.6, 1.0], dtype=torch.float64)
    logits = torch.tensor([-2.0, 1.5, 0.3, -1.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: varifocal(x, target), logits)


@pytest.mark.parametrize("shape", [(), (2,), (2, 3), (0,)])
def test_cross_entropy_takes_any_leading_shape(shape):
    logits, target = torch.randn(*shape, 5), torch.full(shape, 2)
    torch.testing.assert_close(cross_entropy(logits, target), -logits.log_softmax(-1)[..., 2])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_distribution_in_half_precision_ends_at_its_last_bin(dtype):
    logits = torch.zeros(3, 129, dtype=dtype)
    logits[:, 128] = 4
    loss = distribution_focal(logits, torch.tensor([128.0, 999.0, -1.0], dtype=dtype))
    assert loss[0] == loss[1] < loss[2]


def test_a_distribution_of_one_bin_is_refused():
    with pytest.raises(ValueError, match="at least 2 bins, not 1"):
        distribution_focal(torch.zeros(3, 1), torch.zeros(3))
    assert distribution_focal(torch.zeros(3, 2), torch.tensor([0.0, 0.5, 7.0])).isfinite().all()

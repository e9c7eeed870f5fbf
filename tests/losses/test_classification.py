from __future__ import annotations

import torch
import torch.nn.functional as F

from uhd.losses.classification import binary_cross_entropy, focal, quality_focal, varifocal, varifocal_legacy


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

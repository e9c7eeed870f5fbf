"""Features: the student's map, through a 1x1 adapter where the widths differ, should say what the teacher's says."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


def build_adapter(student: int, teacher: int) -> nn.Module:
    """Return a 1x1 convolution from the student's channels to the teacher's; nothing when they are equally many."""
    return nn.Identity() if student == teacher else nn.Conv2d(student, teacher, 1)


def correlation_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Return 1 - r, the Pearson correlation of each channel over batch and cells, averaged over channels.

    Neither scale nor offset of a channel matters, so that teachers of another architecture teach as well (PKD,
    https://arxiv.org/abs/2207.02039). A teacher's map is averaged down to the student's cells, or interpolated up.

    Args:
        student: (B, C, h, w), adapted.
        teacher: (B, C, h', w').
    """
    teacher = _resized(teacher, (student.shape[2], student.shape[3]))
    a, b = student.transpose(0, 1).flatten(1), teacher.transpose(0, 1).flatten(1)
    a, b = a - a.mean(1, keepdim=True), b - b.mean(1, keepdim=True)
    var_a, var_b = a.square().mean(1), b.square().mean(1)
    # A small share of what the live channels have keeps dead ones differentiable.
    least_a, least_b = (1e-5 * var.detach().mean() + 1e-12 for var in (var_a, var_b))
    product = (a * b).mean(1) / ((var_a + least_a) * (var_b + least_b)).sqrt()
    alive = (var_b > 100 * least_b).to(product.dtype)  # a dead channel of the teacher has nothing to say
    return ((1 - product) * alive).sum() / alive.sum().clamp(min=1)


def normalised_l1(student: Tensor, teacher: Tensor) -> Tensor:
    """Return the original's term: mean |student - teacher| of vectors normalised over the channels.

    Args:
        student: (B, C, h, w), adapted.
        teacher: (B, C, h', w'), interpolated to the student's cells.
    """
    if teacher.shape[2:] != student.shape[2:]:
        teacher = F.interpolate(teacher, size=student.shape[2:], mode="bilinear", align_corners=False)
    return (F.normalize(student, dim=1) - F.normalize(teacher, dim=1)).abs().mean()


def _resized(teacher: Tensor, size: tuple[int, int]) -> Tensor:
    h, w = teacher.shape[2:]
    if (h, w) == size:
        return teacher
    if h >= size[0] and w >= size[1]:
        return F.adaptive_avg_pool2d(teacher, size)
    return F.interpolate(teacher, size=size, mode="bilinear", align_corners=False)

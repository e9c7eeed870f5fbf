"""Distance between the probabilities of teacher and student (Hinton et al., 2015), per element, from logits.

Both logits are divided by the temperature T before the sigmoid or softmax, and the result is multiplied by T^2, so that
the size of the gradient does not depend on T.

Paper: https://arxiv.org/abs/1503.02531
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from uhd.losses.classification import binary_cross_entropy


def soft_cross_entropy(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """Return T^2 BCE(sigmoid(teacher / T), sigmoid(student / T)); at its least it is the teacher's entropy.

    Logits of any one shape; the value of each is 0 to infinity.
    """
    return binary_cross_entropy(student / temperature, torch.sigmoid(teacher / temperature)) * temperature**2


def binary_divergence(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """Return T^2 KL(sigmoid(teacher / T) || sigmoid(student / T)), for each logit: 0 where both agree."""
    return soft_cross_entropy(student, teacher, temperature) - soft_cross_entropy(teacher, teacher, temperature)


def softmax_divergence(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """Return T^2 KL(softmax(teacher / T) || softmax(student / T)) over the last axis: (..., C) to (...)."""
    wanted = F.log_softmax(teacher / temperature, -1)
    each = wanted.exp() * (wanted - F.log_softmax(student / temperature, -1))
    return each.sum(-1) * temperature**2

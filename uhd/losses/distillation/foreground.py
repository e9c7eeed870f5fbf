"""Our terms for dense heads: a cell counts for what the teacher sees in it.

Hundreds of empty cells would otherwise drown the few that show a person, and teach nothing but to be silent. With
s = the teacher's score of a prediction and n = the sum of s over the batch (at least 1):

* boxes: sum of s * |student - teacher| / n, the distance in cx, cy, w, h measured in sides of the teacher's box (as
  IoU, it counts a pixel more for a small person) and averaged over the four;
* class: sum of s * KL / n;
* objectness, quality, and the heat map of CenterNet: these tell people from background, so the background counts too,
  where either side sees something: sum of (floor + max(p, q)) * KL / n with p, q the probabilities of both.
"""

from __future__ import annotations

import torch
from torch import Tensor

from uhd.losses.distillation.dense import Dense
from uhd.losses.distillation.probabilities import binary_divergence

FLOOR = 0.05


def foreground_terms(student: Dense, teacher: Dense, wanted: frozenset[str], temperature: float) -> dict[str, Tensor]:
    """Return the wanted terms, unweighted.

    Args:
        student: with gradient.
        teacher: on the student's grid, without gradient.
        wanted: among ``kl``, ``box_l1``, ``obj``, ``quality``.
        temperature: of the probabilities.
    """
    sees = teacher.score if teacher.valid is None else teacher.score * teacher.valid
    number = sees.sum().clamp(min=1)
    terms: dict[str, Tensor] = {}
    if "kl" in wanted and student.cls is not None and teacher.cls is not None:
        if student.obj is None:  # CenterNet: the class map is also what finds people
            terms["kl"] = _presence(student.cls, teacher.cls, teacher.valid, temperature) / number
        else:
            terms["kl"] = (binary_divergence(student.cls, teacher.cls, temperature).sum(-1) * sees).sum() / number
    if "obj" in wanted and student.obj is not None and teacher.obj is not None:
        terms["obj"] = _presence(student.obj, teacher.obj, teacher.valid, temperature) / number
    if "quality" in wanted and student.quality is not None and teacher.quality is not None:
        terms["quality"] = _presence(student.quality, teacher.quality, teacher.valid, temperature) / number
    if "box_l1" in wanted:
        sides = teacher.boxes[..., 2:].clamp(min=1e-3).repeat(1, 1, 2)
        distance = ((student.boxes - teacher.boxes).abs() / sides).mean(-1)
        terms["box_l1"] = (distance * sees).sum() / number
    return terms


def _presence(student: Tensor, teacher: Tensor, valid: Tensor | None, temperature: float) -> Tensor:
    with torch.no_grad():
        weight = FLOOR + torch.maximum(torch.sigmoid(student), torch.sigmoid(teacher))
        if valid is not None:
            weight = weight * (valid if weight.ndim == 2 else valid[..., None])
    return (binary_divergence(student, teacher, temperature) * weight).sum()

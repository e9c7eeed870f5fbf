"""Terms for query heads (DETR): the queries of two models mean nothing to each other until they are paired.

Ours pairs the queries of each image so that what the teacher found is learnt by the query that is nearest to it (the
assignment of least cost, as in the training of DETR itself; Chang et al., DETRDistill, 2023), and counts a pair for
what the teacher sees: with s = 1 - the teacher's probability of background and n = the sum of s (at least 1)

* class: sum of (floor + s) * KL of the softmax, background included / n;
* boxes: sum of s * |student - teacher| / n in sides of the teacher's box.

The original compares query i with query i: KL * T^2 per query of the batch, and the mean L1 of the boxes. (There the
boxes carry no gradient; here they do.)

Paper: https://arxiv.org/abs/2211.10156
"""

from __future__ import annotations

import torch
from torch import Tensor

from uhd.losses.distillation.foreground import FLOOR
from uhd.losses.distillation.probabilities import softmax_divergence
from uhd.models.network import Raw, maps_of

_BOX_COST = 5.0


def query_terms(raw: Raw, taught: Raw, wanted: frozenset[str], temperature: float, original: bool) -> dict[str, Tensor]:
    """Return the wanted terms, unweighted.

    Args:
        raw: the student's logits (Q, B, classes + 1), the last class background, and boxes (Q, B, 4) ``cxcywh``.
        taught: the teacher's.
        wanted: among ``kl``, ``box_l1``.
        temperature: of the probabilities.
        original: compare by number and average over all; both models need equally many queries.
    """
    logits, boxes = (each.float() for each in maps_of(raw)[:2])
    theirs, places = (each.float() for each in maps_of(taught)[:2])
    terms: dict[str, Tensor] = {}
    if original:
        if "kl" in wanted:
            terms["kl"] = softmax_divergence(logits, theirs, temperature).sum() / len(logits)
        if "box_l1" in wanted:
            terms["box_l1"] = (boxes - places).abs().mean()
        return terms
    mine, other = pair_queries(logits, boxes, theirs, places)
    image = torch.arange(logits.shape[1], device=logits.device).expand_as(mine)
    sees = 1 - theirs.softmax(-1)[other, image, -1]
    number = sees.sum().clamp(min=1)
    if "kl" in wanted:
        each = softmax_divergence(logits[mine, image], theirs[other, image], temperature)
        terms["kl"] = (each * (sees + FLOOR)).sum() / number
    if "box_l1" in wanted:
        wanted_boxes = places[other, image]
        sides = wanted_boxes[..., 2:].clamp(min=1e-3).repeat(1, 1, 2)
        terms["box_l1"] = (((boxes[mine, image] - wanted_boxes).abs() / sides).mean(-1) * sees).sum() / number
    return terms


@torch.no_grad()
def pair_queries(logits: Tensor, boxes: Tensor, theirs: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
    """Return (P, B) numbers of the student's and the teacher's queries that belong together, P the smaller count.

    The cost of a pair is the distance of their class probabilities plus, as far as the teacher sees something, that of
    their boxes.

    Args:
        logits: (Q, B, C), of the student.
        boxes: (Q, B, 4), of the student.
        theirs: (R, B, C), of the teacher.
        places: (R, B, 4), of the teacher.
    """
    from scipy.optimize import linear_sum_assignment

    p, q = logits.softmax(-1).transpose(0, 1), theirs.softmax(-1).transpose(0, 1)
    cost = torch.cdist(p, q, 1)
    cost = cost + _BOX_COST * torch.cdist(boxes.transpose(0, 1), places.transpose(0, 1), 1) * (1 - q[:, None, :, -1])
    pairs = [linear_sum_assignment(table) for table in cost.cpu().numpy()]
    mine = torch.stack([torch.from_numpy(rows) for rows, _ in pairs], 1)
    other = torch.stack([torch.from_numpy(columns) for _, columns in pairs], 1)
    return mine.to(logits.device), other.to(logits.device)

"""The original's terms for dense heads: means over all cells.

Agrees with PINTO0309/UHD to float32 rounding. Where the grids differ the teacher's maps, and its boxes after decoding,
are interpolated to the student's.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from uhd.losses.distillation.probabilities import soft_cross_entropy, softmax_divergence
from uhd.models.decode import cell_grid, score_logits, split_raw
from uhd.models.network import AnchorNetwork, DetectorNetwork, Raw, maps_of

Maps = tuple[Tensor, ...]
_LARGEST = 4.0  # of softplus(tw), softplus(th)


def original_terms(
    student: DetectorNetwork,
    raw: Raw,
    teacher: DetectorNetwork,
    taught: Raw,
    wanted: frozenset[str],
    temperature: float,
) -> dict[str, Tensor]:
    """Return the wanted terms, unweighted.

    Args:
        student: network.
        raw: its raw maps, with gradient.
        teacher: network of the same kind.
        taught: its raw maps.
        wanted: among ``kl``, ``box_l1``, ``obj``, ``quality``.
        temperature: of the probabilities.
    """
    return _TERMS[student.kind](student, maps_of(raw), teacher, maps_of(taught), wanted, temperature)


def _anchor_terms(
    student: DetectorNetwork, raws: Maps, teacher: DetectorNetwork, taughts: Maps, wanted: frozenset[str], t: float
) -> dict[str, Tensor]:
    assert isinstance(student, AnchorNetwork)
    assert isinstance(teacher, AnchorNetwork)
    raw, taught = raws[0].float(), taughts[0].float()
    mine, theirs, size = student.layout(), teacher.layout(), (raw.shape[2], raw.shape[3])
    boxes, other = _boxes(raw, student), _boxes(taught, teacher)
    obj_a, quality_a, cls_a = score_logits(raw, mine)
    obj_b, quality_b, cls_b = score_logits(_resized(taught, size), theirs)
    terms: dict[str, Tensor] = {}
    if "kl" in wanted and cls_a is not None and cls_b is not None:
        divergence = soft_cross_entropy if mine.num_classes == 1 else softmax_divergence
        terms["kl"] = divergence(cls_a, cls_b, t).mean()
    if "obj" in wanted:
        terms["obj"] = soft_cross_entropy(obj_a, obj_b, t).mean()
    if "quality" in wanted and quality_a is not None and quality_b is not None:
        terms["quality"] = soft_cross_entropy(quality_a, quality_b, t).mean()
    if "box_l1" in wanted:
        terms["box_l1"] = (boxes - _resized(other, size)).abs().mean()
    return terms


def _prior(network: AnchorNetwork) -> Tensor:
    anchors = network.anchors.float()
    return anchors if network.wh_scale is None else anchors * network.wh_scale.float()


def _boxes(raw: Tensor, network: AnchorNetwork) -> Tensor:
    """Return ``cxcywh`` as maps (B, A * 4, h, w)."""
    b, _, h, w = raw.shape
    layout, prior = network.layout(), _prior(network)
    t = split_raw(raw, len(prior))[:, :, layout.places["box"]]
    extent = t.new_tensor([w, h])[:, None]
    centre = (torch.sigmoid(t[:, :, :2]) + cell_grid(h, w, raw.device)) / extent
    size = prior[None, :, :, None] * F.softplus(t[:, :, 2:]).clamp(max=_LARGEST)
    return torch.cat([centre, size], 2).reshape(b, -1, h, w)


def _centernet_terms(
    student: DetectorNetwork, raw: Maps, teacher: DetectorNetwork, taught: Maps, wanted: frozenset[str], t: float
) -> dict[str, Tensor]:
    del student, teacher, t
    size = (raw[0].shape[2], raw[0].shape[3])
    (heat, offset, extent), theirs = (m.float() for m in raw), [_resized(m.float(), size) for m in taught]
    terms: dict[str, Tensor] = {}
    if "kl" in wanted:
        terms["kl"] = F.kl_div(heat.clamp(1e-4, 1).log(), theirs[0].clamp(1e-4, 1), reduction="batchmean")
    if "box_l1" in wanted:
        terms["box_l1"] = ((offset - theirs[1]).abs().mean() + (extent - theirs[2]).abs().mean()) / 2
    return terms


# By kind of head (:mod:`uhd.heads`), of those that predict on a grid.
_TERMS = {"anchor": _anchor_terms, "centernet": _centernet_terms}


def _resized(maps: Tensor, size: tuple[int, int]) -> Tensor:
    if maps.shape[2:] == size:
        return maps
    return F.interpolate(maps, size=size, mode="bilinear", align_corners=False)

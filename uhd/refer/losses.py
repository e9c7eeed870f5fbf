"""The objective: everybody in the picture is found, and of them the one who is meant (UniPHD and DETR).

Papers: https://arxiv.org/abs/2410.20508, https://arxiv.org/abs/2005.12872. Unlike in UniPHD all people teach, not only
the one asked for, and the proposals are taught, too; the prompt then chooses by cross-entropy between the candidates.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from uhd.losses.heatmap import centre_cells, centre_gaussians
from uhd.losses.iou import aligned_iou
from uhd.refer.loss_config import ReferLossConfig
from uhd.refer.matcher import match_people
from uhd.refer.model.masks import make_masks
from uhd.refer.model.scene import Layer, Scene
from uhd.refer.similarity import keypoint_distance, keypoint_similarity
from uhd.refer.targets import ReferTargets

_ALPHA, _GAMMA = 0.25, 2.0
_LEAST = 1e-6
Parts = dict[str, Tensor]


def refer_loss(
    scene: Scene, scores: Tensor, who: Tensor, targets: ReferTargets, config: ReferLossConfig
) -> tuple[Tensor, Parts]:
    """Return the total and its detached parts.

    Args:
        scene: what the network finds.
        scores: (B, P, Q) logits of the candidates for every prompt.
        who: (B, P) int64, which person is meant; -1 for nobody.
        targets: who is there.
        config: weights.
    """
    parts: Parts = {"heat": config.weight_heat * heat_loss(scene.heat, targets)}
    for i, layer in enumerate(scene.layers):
        matched = match_people(layer, targets, config)
        taught = layer_loss(layer, matched, targets, config, with_class=i > 0)
        parts |= {name: parts.get(name, 0) + value for name, value in taught.items()}
    parts |= mask_loss(scene, matched, targets, config)
    parts["ground"] = config.weight_ground * grounding_loss(scores, who, matched)
    total = torch.stack(list(parts.values())).sum()
    return total, {"loss": total.detach()} | {name: value.detach() for name, value in parts.items()}


def heat_loss(heat: Tensor, targets: ReferTargets) -> Tensor:
    """Return the penalty-reduced focal loss of a heat map (B, 1, h, w) of logits (https://arxiv.org/abs/1904.07850)."""
    height, width = heat.shape[2:]
    wanted = centre_gaussians(targets.people, 1, height, width)
    positive = wanted == 1
    found = F.logsigmoid(heat) * heat.sigmoid().neg().add(1).square()
    empty = F.logsigmoid(-heat) * heat.sigmoid().square() * (1 - wanted) ** 4
    return -torch.where(positive, found, empty).sum() / positive.sum().clamp(min=1)


def centre_mask(targets: ReferTargets, size: tuple[int, int]) -> Tensor:
    """Return which cells (B, h, w) of a map hold a person's centre."""
    height, width = size
    cell = centre_cells(targets.people, height, width)[0].long()
    mask = torch.zeros(len(targets.boxes), height, width, dtype=torch.bool, device=targets.boxes.device)
    mask[targets.people.people.image, cell[:, 1], cell[:, 0]] = True
    return mask


def layer_loss(
    layer: Layer, matched: Tensor, targets: ReferTargets, config: ReferLossConfig, with_class: bool
) -> Parts:
    """Return the losses of one stage over matched people (B, M), each divided by their number.

    Args:
        layer: what is said at that stage, in pixels.
        matched: which candidate stands for each person; -1 for none.
        targets: who is there.
        config: weights.
        with_class: whether the stage says itself who is a person.
    """
    image, slot = (matched >= 0).nonzero(as_tuple=True)
    query = matched[image, slot]
    number = max(1, len(image))
    height, width = targets.size
    boxes, wanted = layer.boxes[image, query], targets.boxes[image, slot]
    points, truth = layer.keypoints[image, query], targets.keypoints[image, slot]
    known = (truth[..., 2] > 0).float()
    seen = F.binary_cross_entropy_with_logits(
        layer.visibility[image, query], (truth[..., 2] > 1.5).float(), reduction="none"
    )
    distance = (boxes - wanted).abs() / boxes.new_tensor([width, height, width, height])
    parts = {
        "box": config.weight_box * distance.sum() / number,
        "giou": config.weight_giou * (1 - aligned_iou(boxes, wanted, "giou")[0]).sum() / number,
        "keypoints": config.weight_keypoints * keypoint_distance(points, truth, targets.size).sum() / number,
        "oks": config.weight_oks * (1 - keypoint_similarity(points, truth, targets.areas[image, slot])).sum() / number,
        "visibility": config.weight_visibility * (seen * known).sum() / known.sum().clamp(min=1),
    }
    if with_class:
        person = torch.zeros_like(layer.person)
        person[image, query] = 1
        parts["class"] = config.weight_class * focal(layer.person, person).sum() / number
    return parts


def focal(logits: Tensor, wanted: Tensor) -> Tensor:
    """Return the focal loss (https://arxiv.org/abs/1708.02002) of logits and truths (0 or 1) of one shape (...)."""
    p = logits.sigmoid()
    right = torch.where(wanted > 0.5, p, 1 - p)
    weight = torch.where(wanted > 0.5, _ALPHA, 1 - _ALPHA) * (1 - right) ** _GAMMA
    return weight * F.binary_cross_entropy_with_logits(logits, wanted, reduction="none")


def mask_loss(scene: Scene, matched: Tensor, targets: ReferTargets, config: ReferLossConfig) -> Parts:
    """Return cross-entropy and dice of the masks of matched people (B, M) whose mask is known."""
    image, slot = ((matched >= 0) & (targets.masks.flatten(2).any(2))).nonzero(as_tuple=True)
    if not len(image):
        # Not by way of an empty batch, whose gradient PixelShuffle does not know; every parameter has one all the same.
        nothing = 0 * (scene.pixels.sum() + scene.kernels.sum())
        return {"mask": nothing, "dice": nothing}
    query = matched[image, slot]
    kernels, boxes = scene.kernels[image, query], scene.last.boxes.detach()[image, query]
    logits = make_masks(scene.pixels[image], kernels, boxes, targets.size).flatten(1)
    wanted = targets.masks[image, slot].flatten(1)
    number = max(1, len(image))
    pixels = F.binary_cross_entropy_with_logits(logits, wanted, reduction="none").mean(1).sum() / number
    p = logits.sigmoid()
    overlap = (2 * (p * wanted).sum(1) + 1) / (p.sum(1) + wanted.sum(1) + 1)
    return {"mask": config.weight_mask * pixels, "dice": config.weight_dice * (1 - overlap).sum() / number}


def grounding_loss(scores: Tensor, who: Tensor, matched: Tensor) -> Tensor:
    """Return the cross-entropy between candidates (B, P, Q), averaged over prompts (B, P) whose person was matched."""
    goal = matched.gather(1, who.clamp(min=0))
    goal = torch.where(who >= 0, goal, -1)
    number = (goal >= 0).sum().clamp(min=1)
    lost = F.cross_entropy(scores.flatten(0, 1), goal.flatten(), ignore_index=-1, reduction="sum")
    return lost / number

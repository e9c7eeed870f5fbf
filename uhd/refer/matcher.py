"""Every person is matched with one candidate, at the least total cost (DETR, https://arxiv.org/abs/2005.12872)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from uhd.assigners.hungarian import optimal_assignment
from uhd.losses.iou import aligned_iou
from uhd.refer.loss_config import ReferLossConfig
from uhd.refer.model.scene import Layer
from uhd.refer.similarity import keypoint_distance, keypoint_similarity
from uhd.refer.targets import ReferTargets

_WORST = 1e6


@torch.no_grad()
def match_people(layer: Layer, targets: ReferTargets, config: ReferLossConfig) -> Tensor:
    """Return (B, M) int64: which candidate stands for each person; -1 where there is no person or no candidate left."""
    cost = matching_cost(layer, targets, config).cpu().numpy()
    table = np.nan_to_num(cost, nan=_WORST, posinf=_WORST, neginf=_WORST)
    real = targets.real.cpu().numpy()
    found = np.full(real.shape, -1, np.int64)
    for i in np.flatnonzero(real.any(1)):
        people = np.flatnonzero(real[i])
        candidate, person = optimal_assignment(table[i][:, people])
        found[i, people[person]] = candidate
    return torch.from_numpy(found).to(targets.real.device)


def matching_cost(layer: Layer, targets: ReferTargets, config: ReferLossConfig) -> Tensor:
    """Return what it costs that a candidate stands for a person: (B, Q, M)."""
    height, width = targets.size
    extent = layer.boxes.new_tensor([width, height, width, height])
    boxes, wanted = layer.boxes[:, :, None], targets.boxes[:, None]
    points, truth = layer.keypoints[:, :, None], targets.keypoints[:, None]
    areas = targets.areas[:, None].expand(-1, layer.boxes.shape[1], -1)
    person = layer.person.sigmoid()[..., None]
    return (
        config.weight_box * ((boxes - wanted).abs() / extent).sum(-1)
        + config.weight_giou * (1 - aligned_iou(boxes, wanted, "giou")[0])
        + config.weight_keypoints * keypoint_distance(points, truth, targets.size)
        + config.weight_oks * (1 - keypoint_similarity(points, truth, areas))
        - config.weight_class * person
    )

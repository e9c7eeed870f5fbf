"""Object keypoint similarity that can be learnt by (https://cocodataset.org/#keypoints-eval)."""

from __future__ import annotations

import torch
from torch import Tensor

from uhd.evaluation.similarity import COCO_SIGMAS


def keypoint_similarity(found: Tensor, truth: Tensor, areas: Tensor) -> Tensor:
    """Return the OKS (...) of keypoints (..., 17, 2) with the truth (..., 17, 3), areas (...), all in pixels; 0 to 1.

    Who has no known keypoint is like everything: 1.
    """
    spread = found.new_tensor(2 * (2 * COCO_SIGMAS) ** 2) * areas[..., None]
    distance = (found - truth[..., :2]).square().sum(-1)
    known = (truth[..., 2] > 0).float()
    count = known.sum(-1)
    like = (torch.exp(-distance / spread) * known).sum(-1) / count.clamp(min=1)
    return torch.where(count > 0, like, torch.ones_like(like))


def keypoint_distance(found: Tensor, truth: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the L1 distance (...) of keypoints (..., 17, 2) from those known, summed, in heights and widths.

    Args:
        found, truth: (..., 17, 2) and (..., 17, 3) in pixels.
        size: (H, W) of the picture in pixels.
    """
    extent = found.new_tensor([size[1], size[0]])
    distance = ((found - truth[..., :2]).abs() / extent).sum(-1)
    return (distance * (truth[..., 2] > 0)).sum(-1)

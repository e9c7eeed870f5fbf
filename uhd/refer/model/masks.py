"""Masks by small networks whose weights a candidate's state holds (CondInst, https://arxiv.org/abs/2003.05664)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from uhd.refer.model.scene import Scene
from uhd.refer.model.valid import stride_of

_HIDDEN, _FINER = 8, 2
STRIDE = 2  # of the masks: four sub-pixels to each cell at stride 4


def kernel_size(channels: int) -> int:
    """Return how many weights make a mask from (B, channels, h, w)."""
    return (channels + 2) * _HIDDEN + _HIDDEN + _HIDDEN * _FINER**2 + _FINER**2


def masks_of(scene: Scene, size: tuple[int, int]) -> Tensor:
    """Return the mask logits (B, Q, 2h, 2w) of all candidates of pictures of a size (H, W) in pixels."""
    b, q = scene.kernels.shape[:2]
    pixels = scene.pixels[:, None].expand(-1, q, -1, -1, -1).flatten(0, 1)
    boxes = scene.last.boxes.detach().flatten(0, 1)
    masks = make_masks(pixels, scene.kernels.flatten(0, 1), boxes, size)
    return masks.view(b, q, *masks.shape[1:])


def make_masks(pixels: Tensor, kernels: Tensor, boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Return mask logits (N, 2h, 2w) at stride 2.

    Besides the map, every mask sees where it is from its own box, in halves of its extent.

    Args:
        pixels: (N, C, h, w) at stride 4.
        kernels: (N, K), see :func:`kernel_size`.
        boxes: (N, 4) ``xyxy`` in pixels of the batch.
        size: (H, W) of the batch in pixels.
    """
    n, channels, h, w = pixels.shape
    stride = stride_of(size, pixels)
    x = (torch.arange(w, device=pixels.device, dtype=pixels.dtype) + 0.5) * stride
    y = (torch.arange(h, device=pixels.device, dtype=pixels.dtype) + 0.5) * stride
    centre, half = (boxes[:, :2] + boxes[:, 2:]) / 2, ((boxes[:, 2:] - boxes[:, :2]) / 2).clamp(min=1)
    across = ((x[None] - centre[:, :1]) / half[:, :1]).clamp(-4, 4)[:, None, :].expand(n, h, w)
    down = ((y[None] - centre[:, 1:]) / half[:, 1:]).clamp(-4, 4)[:, :, None].expand(n, h, w)
    seen = torch.cat([pixels, across[:, None], down[:, None]], 1).flatten(2)
    sizes = [(channels + 2) * _HIDDEN, _HIDDEN, _HIDDEN * _FINER**2, _FINER**2]
    first, first_bias, second, second_bias = torch.split(kernels, sizes, 1)
    hidden = F.relu(torch.baddbmm(first_bias[:, :, None], first.view(n, _HIDDEN, channels + 2), seen))
    found = torch.baddbmm(second_bias[:, :, None], second.view(n, _FINER**2, _HIDDEN), hidden)
    return F.pixel_shuffle(found.view(n, _FINER**2, h, w), _FINER)[:, 0]

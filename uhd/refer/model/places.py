"""Prompts that are places: a point, a stroke or a box becomes tokens, and says itself how well each candidate fits."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from uhd.refer.model.layers import Mlp, sample_at, sine_code
from uhd.refer.model.valid import Valid

KINDS = ("point", "scribble", "box")
_OCTAVES = 4


class Places(nn.Module):
    """Map places to tokens: what the picture shows there, where it is, and which kind of prompt it is.

    Args:
        width: of the tokens.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.seen, self.where = nn.Linear(width, width), nn.Linear(2 * 2 * _OCTAVES, width)
        self.kind = nn.Embedding(len(KINDS), width)
        self.out = Mlp(width, width, width)
        self.trust = nn.Parameter(torch.full((len(KINDS),), 4.0))

    def forward(
        self, cells: Tensor, boxes: Tensor, masks: Tensor, points: Tensor, shown: Tensor, kind: Tensor,
        size: tuple[int, int], extents: Tensor,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        """Return tokens (B, P, K, D), and how well each candidate fits (B, P, Q), to be added to its score.

        Args:
            cells: (B, D, h, w) of the pictures at stride 8.
            boxes: (B, Q, 4) ``xyxy`` of the candidates in pixels.
            masks: (B, Q, h, w) logits of their masks over the batch.
            points: (B, P, K, 2) x and y in pixels; the first two of a box are its upper left and lower right corner.
            shown: (B, P, K) 1 where there is a point, else 0.
            kind: (3,) 1 at the place of the kind in ``KINDS``; all 0 where the prompt is no place, which fits anybody.
            size: (H, W) of the batch in pixels.
            extents: (B, 2) width and height of the pictures in pixels.
        """
        b, p, k, _ = points.shape
        seen = sample_at(cells, points.flatten(1, 2), size).view(b, p, k, -1)
        code = sine_code(points / extents[:, None, None], _OCTAVES)
        tokens = self.out(self.seen(seen) + self.where(code) + kind @ self.kind.weight)
        trust = kind * self.trust
        fit = trust[:2].sum() * mask_fit(masks, points, shown, size) + trust[2] * box_fit(boxes, points)
        return tokens, fit


def mask_fit(masks: Tensor, points: Tensor, shown: Tensor, size: tuple[int, int]) -> Tensor:
    """Return (B, P, Q), 0 to 1: the share of points that each candidate's mask covers, softly.

    Args:
        masks: (B, Q, h, w) logits.
        points: (B, P, K, 2) in pixels.
        shown: (B, P, K) 1 where there is a point.
        size: (H, W) of the batch in pixels.
    """
    b, p, k, _ = points.shape
    covered = sample_at(masks.sigmoid(), points.flatten(1, 2), size).view(b, p, k, -1)
    weight = shown / shown.sum(-1, keepdim=True).clamp(min=1)
    return (covered * weight[..., None]).sum(2)


def box_fit(boxes: Tensor, points: Tensor) -> Tensor:
    """Return (B, P, Q), 0 to 1: the overlap of boxes (B, Q, 4) with those of the first two of K points."""
    second = min(1, points.shape[2] - 1)
    asked = torch.cat([points[:, :, 0], points[:, :, second]], -1)[:, :, None]
    found = boxes.detach()[:, None]
    low, high = torch.maximum(asked[..., :2], found[..., :2]), torch.minimum(asked[..., 2:], found[..., 2:])
    common = (high - low).clamp(min=0).prod(-1)
    areas = [(each[..., 2:] - each[..., :2]).clamp(min=0).prod(-1) for each in (asked, found)]
    return common / (areas[0] + areas[1] - common).clamp(min=1e-6)


def kind_vector(kind: str, like: Tensor) -> Tensor:
    """Return (3,): 1 at the place of a kind, on the device of ``like``; all 0 for ``text``."""
    return like.new_tensor([float(each == kind) for each in KINDS])


def whole_extents(images: Tensor, valid: Valid | None) -> Tensor:
    """Return (B, 2) width and height of the pictures of a batch (B, 3, H, W) in pixels."""
    if valid is not None:
        return valid.pixels
    return images.new_tensor([images.shape[3], images.shape[2]]).expand(len(images), 2)

"""Where people may be: the peaks of a heat map, each with a first box and a first pose."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from uhd.keypoints import MEAN_POSE
from uhd.refer.model.layers import ConvNorm, Mlp
from uhd.refer.model.scene import Layer
from uhd.refer.model.valid import Valid, cut

STRIDE = 8
_USUAL_SIDE = 32.0  # pixels, of a box before anything is learnt
_PRIOR = -2.2  # logit of a centre, and of a person, before anything is learnt
_LARGEST = 4.0  # of the exponent of a side
_OUTSIDE = -1e4


class Proposals(nn.Module):
    """Choose the Q strongest peaks and say where each person's box and keypoints are.

    Args:
        width: of the map.
        count: Q.
    """

    def __init__(self, width: int, count: int) -> None:
        super().__init__()
        self.count = count
        self.look, self.heat = ConvNorm(width, width // 2), nn.Conv2d(width // 2, 1, 1)
        self.answer = Mlp(width, width, 4 + 34 + 17)
        nn.init.constant_(self.heat.bias, _PRIOR)  # type: ignore[arg-type]
        last = self.answer.last
        nn.init.normal_(last.weight, std=1e-3)
        nn.init.zeros_(last.bias)
        self.register_buffer("pose", torch.tensor(MEAN_POSE, dtype=torch.float32), persistent=False)

    def forward(
        self, cells: Tensor, valid: Valid | None = None, wanted: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Layer]:
        """Return the heat map (B, 1, h, w) as logits, the states (B, Q, D) of the peaks, and what is said of them.

        Args:
            cells: (B, D, h, w) at stride 8.
            valid: extents of the pictures.
            wanted: (B, h, w) bool, cells that are taken whatever their heat, as long as there are not more than Q.
        """
        heat: Tensor = self.heat(self.look(cells))
        shown = heat if valid is None else heat + (1 - valid.mask(heat)) * _OUTSIDE
        strength = shown.detach()
        peak = strength == F.max_pool2d(strength, 3, 1, 1)
        ranked = torch.where(peak, strength, strength + _OUTSIDE / 100)[:, 0]
        if wanted is not None:
            ranked = ranked + wanted.float() * -_OUTSIDE
        height, width = ranked.shape[1:]
        place = ranked.flatten(1).topk(min(self.count, height * width)).indices
        states = cells.flatten(2).transpose(1, 2).gather(1, place[..., None].expand(-1, -1, cells.shape[1]))
        centre = torch.stack([place % width, place.div(width, rounding_mode="floor")], -1).to(cells.dtype)
        answer = self.answer(states)
        centre = (centre + 0.5 + answer[..., :2]) * STRIDE
        side = answer[..., 2:4].clamp(max=_LARGEST).exp() * _USUAL_SIDE
        pose = self.get_buffer("pose") + answer[..., 4:38].unflatten(-1, (17, 2))
        keypoints = centre[:, :, None] + pose * side[:, :, None]
        boxes = torch.cat([centre - side / 2, centre + side / 2], -1)
        person = shown.flatten(1).gather(1, place)
        return cut(heat, valid), states, Layer(boxes, keypoints, person, answer[..., 38:])

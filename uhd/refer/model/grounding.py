"""Which of the candidates a prompt means: they are compared with each other and with the words."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from uhd.refer.model.layers import Attention, Mlp, sine_code
from uhd.refer.model.scene import Layer

_OCTAVES = 4
_SHARP = 40.0  # a difference of a fortieth of the picture is one
_CODE = 4 * 2 * _OCTAVES
_RANKS = 7


def ranks(boxes: Tensor, person: Tensor) -> Tensor:
    """Return how many people (B, Q, 7) stand left, right, above and below each, are taller, smaller, and there at all.

    They are counted softly: by how likely each is a person, and by how clear the difference is.

    Args:
        boxes: (B, Q, 4) ``xyxy`` normalised.
        person: (B, Q) probability of being one.
    """
    values = torch.stack([boxes[..., 0] + boxes[..., 2], boxes[..., 1] + boxes[..., 3]], -1) / 2
    values = torch.cat([values, (boxes[..., 3:] - boxes[..., 1:2])], -1)
    less = (_SHARP * (values[:, :, None] - values[:, None])).sigmoid()  # of the second than of the first
    others = 1 - torch.eye(boxes.shape[1], device=boxes.device, dtype=boxes.dtype)
    weight = (person[:, None] * others)[..., None]
    below, above = (weight * less).sum(2), (weight * (1 - less)).sum(2)
    return torch.cat([below, above, person.sum(1)[:, None, None].expand(-1, boxes.shape[1], 1)], -1)


class Grounding(nn.Module):
    """Score the candidates of a scene for every prompt.

    Args:
        width: of candidates and words.
        layers: rounds of looking at the prompt and at each other.
    """

    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        self.own, self.told = nn.Linear(width, width), nn.Linear(width, width, bias=False)
        self.candidate, self.place = Mlp(width, width, width), nn.Linear(_CODE + _RANKS, width)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2 * layers))
        self.prompt = nn.ModuleList(Attention(width) for _ in range(layers))
        self.others = nn.ModuleList(Attention(width) for _ in range(layers))
        self.mlps = nn.ModuleList(Mlp(width, 2 * width, width) for _ in range(layers))
        self.score = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 1, bias=False))

    def forward(self, states: Tensor, layer: Layer, extents: Tensor, tokens: Tensor, hidden: Tensor) -> Tensor:
        """Return (B, P, Q) logits: how well each candidate fits each prompt, against the others.

        Args:
            states: (B, Q, D).
            layer: what is said of the candidates.
            extents: (B, 2) width and height of the pictures in pixels.
            tokens: (B, P, L, D) of the prompts.
            hidden: (B, P, L) added to the logits of tokens: 0, or far below it where there is none.
        """
        b, q, width = states.shape
        p, length = tokens.shape[1:3]
        boxes = layer.boxes / extents.repeat(1, 2)[:, None]
        sure = F.logsigmoid(layer.person)
        place = torch.cat([sine_code(boxes, _OCTAVES), ranks(boxes, sure.exp())], -1)
        x = self.candidate(states) + self.place(place.detach())
        # Every word against every candidate, as a product: layers that add what a word means to what a candidate looks
        # like learn order and size soon, and colours hardly at all.
        alike = torch.einsum("bqd,bpld->bpql", self.own(x), self.told(tokens)) * width**-0.5
        alike = (alike * (hidden == 0).to(alike.dtype)[:, :, None]).sum(-1)
        x = x[:, None].expand(-1, p, -1, -1).reshape(b * p, q, width)
        words, bias = tokens.reshape(b * p, length, width), hidden.reshape(b * p, length)
        people = sure.detach()[:, None].expand(-1, p, -1).reshape(b * p, q)
        for i, (prompt, others, mlp) in enumerate(zip(self.prompt, self.others, self.mlps, strict=True)):
            x = x + prompt(self.norms[2 * i](x), words, bias)
            y = self.norms[2 * i + 1](x)
            x = x + others(y, y, people)
            x = x + mlp(x)
        found: Tensor = self.score(x)[..., 0] + people
        found = found.view(b, p, q) + alike
        return found

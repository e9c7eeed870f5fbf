"""A light decoder: 18 nodes for every candidate, the person and 17 keypoints, each looks where it is thought to be."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from uhd.refer.model.layers import Attention, Mlp, sample_at
from uhd.refer.model.scene import Layer
from uhd.refer.model.view import View

NODES = 18
_LEAST_SIDE = 2.0  # pixels
_HEADS = 8


class NodeMixing(nn.Module):
    """Mix the nodes of one candidate by learned graphs, one for every group of channels."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.value, self.out = nn.LayerNorm(width), nn.Linear(width, width), nn.Linear(width, width)
        self.graph = nn.Parameter(torch.randn(_HEADS, NODES, NODES) * NODES**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Map nodes (N, 18, D) to the same shape."""
        value = self.value(self.norm(x)).unflatten(-1, (_HEADS, -1))
        mixed = torch.einsum("hij,njhc->nihc", self.graph, value).flatten(2)
        y: Tensor = self.out(F.relu(mixed))
        return y


class NodeLayer(nn.Module):
    """Change the nodes, as a layer of its own kind does, and say more exactly where they are.

    Args:
        width: of the nodes.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.instance, self.keypoint = Mlp(width, width, 5), Mlp(width, width, 3)
        for head in (self.instance, self.keypoint):
            nn.init.normal_(head.last.weight, std=1e-3)
            nn.init.zeros_(head.last.bias)

    def change(self, nodes: Tensor, view: View) -> Tensor:
        """Return the nodes (B, Q, 18, D) afterwards."""
        raise NotImplementedError

    def forward(self, nodes: Tensor, before: Layer, maps: list[Tensor], size: tuple[int, int]) -> tuple[Tensor, Layer]:
        """Return the nodes (B, Q, 18, D) afterwards, and what they say.

        Args:
            nodes: (B, Q, 18, D), the person first.
            before: what was said so far; its places are taken as given.
            maps: (B, C, h, w) each, zero beyond the pictures.
            size: (H, W) of the batch in pixels.
        """
        boxes, points = before.boxes.detach(), before.keypoints.detach()
        centre, side = (boxes[..., :2] + boxes[..., 2:]) / 2, (boxes[..., 2:] - boxes[..., :2]).clamp(min=_LEAST_SIDE)
        places = torch.cat([centre[:, :, None], points], 2)
        relative = (places - centre[:, :, None]) / side[:, :, None]
        where = torch.cat([relative, side.log()[:, :, None].expand(-1, -1, NODES, -1) - 3.5], -1)
        nodes = self.change(nodes, View(places, where, before.person.detach(), maps, size))
        own, each = self.instance(nodes[:, :, 0]), self.keypoint(nodes[:, :, 1:])
        centre = centre + own[..., :2] * side
        grown = side * own[..., 2:4].clamp(-2, 2).exp()
        layer = Layer(
            torch.cat([centre - grown / 2, centre + grown / 2], -1),
            points + each[..., :2] * side[:, :, None],
            before.person.detach() + own[..., 4],
            each[..., 2],
        )
        return nodes, layer


class Look(nn.Module):
    """What the maps show where the nodes are, bilinear, and where that is.

    Args:
        width: of the nodes.
        seen: channels of all maps that are looked at.
    """

    def __init__(self, width: int, seen: int) -> None:
        super().__init__()
        self.look, self.where = nn.Linear(seen, width), nn.Linear(4, width)

    def forward(self, view: View) -> Tensor:
        """Return (B, Q, 18, D)."""
        flat = view.places.flatten(1, 2)
        seen = torch.cat([sample_at(cells, flat, view.size) for cells in view.maps], -1)
        found: Tensor = self.look(seen).unflatten(1, view.places.shape[1:3]) + self.where(view.where)
        return found


class DecoderLayer(NodeLayer):
    """Look at the picture where the nodes are, mix them, and compare candidates.

    Args:
        width: of the nodes.
        seen: channels of all maps that are looked at.
    """

    def __init__(self, width: int, seen: int) -> None:
        super().__init__(width)
        self.look, self.where = nn.Linear(seen, width), nn.Linear(4, width)
        self.mixing, self.mlp = NodeMixing(width), Mlp(width, 2 * width, width)
        self.norm, self.others = nn.LayerNorm(width), Attention(width)

    def change(self, nodes: Tensor, view: View) -> Tensor:
        """Return the nodes (B, Q, 18, D) afterwards."""
        b, q, _, width = nodes.shape
        seen = torch.cat([sample_at(cells, view.places.flatten(1, 2), view.size) for cells in view.maps], -1)
        nodes = nodes + self.look(seen).view(b, q, NODES, width) + self.where(view.where)
        flat = nodes.flatten(0, 1)
        flat = flat + self.mixing(flat)
        flat = flat + self.mlp(flat)
        nodes = flat.view(b, q, NODES, width)
        person = self.norm(nodes[:, :, 0])
        told = nodes[:, :, 0] + self.others(person, person, F.logsigmoid(view.person))
        return torch.cat([told[:, :, None], nodes[:, :, 1:]], 2)

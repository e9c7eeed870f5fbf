"""The network as two graphs: one looks at a picture once, the other answers as many prompts as come."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from uhd.refer.model.masks import masks_of
from uhd.refer.model.network import ReferNetwork
from uhd.refer.model.scene import Layer, Scene

IMAGE_OUTPUTS = ("boxes", "keypoints", "visibility", "person", "masks", "states", "cells")
PROMPT_INPUTS = ("boxes", "person", "masks", "states", "cells", "words", "points", "shown", "kind")
_HIDDEN = -1e4


class ImageGraph(nn.Module):
    """A picture (1, 3, H, W), 0 to 1, to everybody in it; see ``IMAGE_OUTPUTS``. Places are normalised."""

    def __init__(self, network: ReferNetwork, size: tuple[int, int]) -> None:
        super().__init__()
        self.network, self.size = network, size

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return boxes (1, Q, 4), keypoints (1, Q, 17, 2), logits of visibility (1, Q, 17), person (1, Q) and masks
        (1, Q, H / 2, W / 2), states (1, Q, D) and cells (1, D, H / 8, W / 8)."""
        scene, extent = self.network.look(images), torch.tensor([self.size[1], self.size[0]], dtype=torch.float32)
        last = scene.last
        places = (last.boxes / extent.repeat(2), last.keypoints / extent)
        return (*places, last.visibility, last.person, masks_of(scene, self.size), scene.states, scene.cells)


class PromptGraph(nn.Module):
    """What :class:`ImageGraph` found, and prompts, to a probability (P, Q) for each candidate."""

    def __init__(self, network: ReferNetwork, size: tuple[int, int]) -> None:
        super().__init__()
        self.network, self.size = network, size

    def forward(
        self, boxes: Tensor, person: Tensor, masks: Tensor, states: Tensor, cells: Tensor, words: Tensor,
        points: Tensor, shown: Tensor, kind: Tensor,
    ) -> Tensor:  # fmt: skip
        """Return the probabilities (P, Q) of candidates for prompts of one kind.

        Args:
            boxes, person, masks, states, cells: of the image graph.
            words: (P, L) int64; all 0 where the prompt is a place.
            points: (P, K, 2) normalised, K at least 2.
            shown: (P, K) 1 where there is a point; all 0 where the prompt is a text.
            kind: (3,) 1 for point, scribble or box; all 0 for text.
        """
        network, extents = self.network, torch.tensor([[self.size[1], self.size[0]]], dtype=torch.float32)
        pixels = boxes * extents.repeat(1, 2)
        read, hidden = network.read(words[None])
        tokens, fit = network.places(
            cells, pixels, masks, (points * extents)[None], shown[None], kind, self.size, extents
        )
        nowhere = (1 - shown[None]) * _HIDDEN
        layer = Layer(pixels, pixels, person, person)
        scene = Scene(states, (layer,), person, states, masks, cells)
        both, gaps = torch.cat([read, tokens], 2), torch.cat([hidden, nowhere], 2)
        scores = network.ground_text(scene, extents, both, gaps) + fit
        found: Tensor = scores[0].softmax(-1) * person.sigmoid()
        return found

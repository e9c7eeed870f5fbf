"""Run a network of this task with torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from uhd.refer.answers import Array, Found
from uhd.refer.model.masks import masks_of
from uhd.refer.model.network import ReferNetwork
from uhd.refer.model.scene import Layer, Scene
from uhd.refer.network_file import input_of, load_network
from uhd.resize import to_network
from uhd.training.threads import choose_threads


def open_finder(path: str | Path, threads: int = 1) -> TorchFinder:
    """Return the network of a checkpoint behind the finder's methods.

    Args:
        path: ``.safetensors``, ``.pt`` or a run folder.
        threads: of torch.

    Raises:
        UserError: unreadable, or not of this task.
    """
    choose_threads(threads)
    network, meta = load_network(Path(path))
    return TorchFinder(network, *input_of(meta))


class TorchFinder:
    """A network in evaluation mode behind :class:`~uhd.refer.answers.Finder`.

    Args:
        model: the network.
        size: (H, W) of the pictures.
        resize_mode: how pictures become input.
    """

    def __init__(self, model: ReferNetwork, size: tuple[int, int], resize_mode: str) -> None:
        self.model, self.size, self.resize_mode = model, size, resize_mode
        self.vocabulary = model.vocabulary

    @torch.no_grad()
    def look(self, images: NDArray[np.uint8]) -> list[Found]:
        """Return who is in each of (B, H, W, 3) RGB pictures."""
        device = next(self.model.parameters()).device
        height, width = images.shape[1:3]
        scene = self.model.look(torch.from_numpy(to_network(images, self.resize_mode)).to(device))
        last, masks = scene.last, masks_of(scene, (height, width))
        extent = torch.tensor([width, height], device=device)
        parts = (
            last.boxes / extent.repeat(2), last.keypoints / extent, last.visibility.sigmoid(), last.person.sigmoid(),
            masks,
        )  # fmt: skip
        arrays = [part.cpu().numpy() for part in parts]
        return [
            Found(boxes, keypoints, seen, person, own, (_one(scene, i), (height, width)))
            for i, (boxes, keypoints, seen, person, own) in enumerate(zip(*arrays, strict=True))
        ]

    @torch.no_grad()
    def ask_texts(self, found: Found, texts: Sequence[str]) -> Array:
        """Return (P, Q) probabilities that a text means a candidate."""
        scene, size = found.state
        words = torch.from_numpy(self.model.vocabulary.encode(texts, self.model.config.max_words))[None]
        extents = torch.tensor([[size[1], size[0]]], dtype=torch.float32, device=scene.states.device)
        scores = self.model.ground_text(scene, extents, *self.model.read(words.to(scene.states.device)))
        return self._probabilities(scores, found)

    @torch.no_grad()
    def ask_places(self, found: Found, points: Array, kind: str) -> Array:
        """Return (P, Q) probabilities that a place means a candidate; points (P, K, 2) are normalised."""
        scene, size = found.state
        extents = torch.tensor([[size[1], size[0]]], dtype=torch.float32, device=scene.states.device)
        pixels = torch.from_numpy(points).to(scene.states.device)[None] * extents
        return self._probabilities(self.model.ground_places(scene, extents, pixels, kind, size), found)

    def _probabilities(self, scores: torch.Tensor, found: Found) -> Array:
        return (scores[0].softmax(-1).cpu().numpy() * found.person[None]).astype(np.float32)


def _one(scene: Scene, i: int) -> Scene:
    """Return picture i of a scene."""
    rows = slice(i, i + 1)
    last = scene.last
    layer = Layer(last.boxes[rows], last.keypoints[rows], last.person[rows], last.visibility[rows])
    parts = (scene.heat, scene.kernels, scene.pixels, scene.cells)
    return Scene(scene.states[rows], (layer,), *(part[rows] for part in parts))

"""The network of the second task, put together from its parts."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from uhd.refer.model.appearance import Appearance
from uhd.refer.model.config import ReferModelConfig
from uhd.refer.model.masks import masks_of
from uhd.refer.model.parts import BACKBONES, TEXT_ENCODERS, TRANSFORMERS
from uhd.refer.model.places import Places, kind_vector, whole_extents
from uhd.refer.model.scene import Scene
from uhd.refer.model.valid import Valid
from uhd.refer.model.vocabulary import Vocabulary

_HIDDEN = -1e4


class ReferNetwork(nn.Module):
    """Find everybody in pictures, then say whom a prompt means.

    Args:
        config: which parts, how wide.
        vocabulary: words that the text encoder knows.
    """

    def __init__(self, config: ReferModelConfig, vocabulary: Vocabulary) -> None:
        super().__init__()
        self.config, self.vocabulary = config, vocabulary
        self.backbone = BACKBONES[config.backbone](config)
        channels: tuple[int, ...] = self.backbone.channels  # type: ignore[assignment]
        self.transformer = TRANSFORMERS[config.transformer_type](config, channels)
        self.text = TEXT_ENCODERS[config.text_encoder_type](config, vocabulary)
        self.places = Places(config.hidden_dim)
        self.appearance = Appearance(config.hidden_dim)

    def forward(
        self,
        images: Tensor,
        prompts: Tensor,
        kind: str = "text",
        valid: Valid | None = None,
        wanted: Tensor | None = None,
    ) -> tuple[Scene, Tensor]:
        """Return everybody in B pictures, and (B, P, Q) logits of the candidates for P prompts of one kind each.

        Args:
            images: (B, 3, H, W), 0 to 1.
            prompts: words (B, P, L) int64; or points (B, P, K, 2) in pixels, see :class:`Places`.
            kind: ``text``, ``point``, ``scribble`` or ``box``.
            valid: extents of the pictures; None where each fills the batch.
            wanted: cells (B, h, w) at stride 8 that are looked at in any case.
        """
        scene = self.look(images, valid, wanted)
        extents, size = whole_extents(images, valid), (images.shape[2], images.shape[3])
        if kind == "text":
            scores = self.ground_text(scene, extents, *self.read(prompts))
        else:
            scores = self.ground_places(scene, extents, prompts, kind, size)
        if self.training:
            # Several processes wait for a gradient of every parameter, also of those that this kind does not ask.
            idle: nn.Module = self.places if kind == "text" else self.text
            scores = scores + 0 * torch.stack([parameter.sum() for parameter in idle.parameters()]).sum()
        return scene, scores

    def look(self, images: Tensor, valid: Valid | None = None, wanted: Tensor | None = None) -> Scene:
        """Return everybody in pictures (B, 3, H, W), 0 to 1; see :meth:`forward`."""
        size = (images.shape[2], images.shape[3])
        found: Scene = self.transformer(self.backbone(images * 4 - 2, valid), size, valid, wanted)
        return replace(found, states=found.states + self.appearance(images, found.last, valid))

    def read(self, words: Tensor) -> tuple[Tensor, Tensor]:
        """Return the states (B, P, L, D) of words (B, P, L), and (B, P, L): 0, or far below it where there is none."""
        states, real = self.text(words.flatten(0, 1))
        hidden = torch.where(real, 0.0, _HIDDEN)
        return states.view(*words.shape, -1), hidden.view(words.shape)

    def ground_text(self, scene: Scene, extents: Tensor, states: Tensor, hidden: Tensor) -> Tensor:
        """Return (B, P, Q) logits of the candidates for texts that :meth:`read` has read.

        Args:
            scene: everybody.
            extents: (B, 2) width and height of the pictures in pixels.
            states: (B, P, L, D).
            hidden: (B, P, L).
        """
        scores: Tensor = self.transformer.score(scene, extents, states, hidden)  # type: ignore[operator]
        return scores

    def ground_places(self, scene: Scene, extents: Tensor, points: Tensor, kind: str, size: tuple[int, int]) -> Tensor:
        """Return (B, P, Q) logits of the candidates for points (B, P, K, 2) in pixels; see :class:`Places`."""
        shown = torch.ones_like(points[..., 0])
        masks, vector = masks_of(scene, size), kind_vector(kind, points)
        tokens, fit = self.places(scene.cells, scene.last.boxes, masks, points, shown, vector, size, extents)
        scores: Tensor = self.ground_text(scene, extents, tokens, torch.zeros_like(tokens[..., 0])) + fit
        return scores

    def answers(self) -> list[nn.Module]:
        """Return the layers whose rows are answers of their own, and embeddings: never a matrix."""
        return [layer for layer in self.modules() if isinstance(layer, nn.Embedding)]

    def scales(self) -> list[nn.Parameter]:
        """Return the parameters that are tables by shape and factors by meaning: they are never decayed."""
        return [parameter for name, parameter in self.named_parameters() if name.endswith((".nodes", ".graph"))]

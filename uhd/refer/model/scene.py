"""What the image part of a network finds: everybody in the picture, before anyone is asked for."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, eq=False)
class Layer:
    """What is said of Q candidates at one stage. Places are in pixels of the batch.

    Attributes:
        boxes: (B, Q, 4) ``xyxy``.
        keypoints: (B, Q, 17, 2).
        person: (B, Q) logit of being a person.
        visibility: (B, Q, 17) logits of keypoints being seen.
    """

    boxes: Tensor
    keypoints: Tensor
    person: Tensor
    visibility: Tensor


@dataclass(frozen=True, eq=False)
class Scene:
    """Everybody in B pictures.

    Attributes:
        states: (B, Q, D) of the candidates.
        layers: what was said of them, from the proposals to the last look.
        heat: (B, 1, h, w) logits of a person's centre at stride 8.
        kernels: (B, Q, K) from which masks are made.
        pixels: (B, C, h, w) what masks are made of, at stride 4.
        cells: (B, D, h, w) the map at stride 8, for prompts that are places.
    """

    states: Tensor
    layers: tuple[Layer, ...]
    heat: Tensor
    kernels: Tensor
    pixels: Tensor
    cells: Tensor

    @property
    def last(self) -> Layer:
        """What is said in the end."""
        return self.layers[-1]

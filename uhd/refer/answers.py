"""What is found in one picture, on NumPy arrays, whatever ran the network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from uhd.refer.model.vocabulary import Vocabulary

Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Found:
    """The Q candidates of one picture. Places are normalised to the picture.

    Attributes:
        boxes: (Q, 4) ``xyxy``.
        keypoints: (Q, 17, 2).
        visibility: (Q, 17) probability of being seen.
        person: (Q,) probability of being a person.
        masks: (Q, h, w) logits over the whole picture.
        state: whatever the prompt part needs besides, of the runtime that made this.
    """

    boxes: Array
    keypoints: Array
    visibility: Array
    person: Array
    masks: Array
    state: Any = None

    def mask(self, query: int, size: tuple[int, int]) -> NDArray[np.bool_]:
        """Return the mask (H, W) of one candidate at a size (H, W) in pixels."""
        logits = cv2.resize(self.masks[query], (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
        return np.asarray(logits > 0)


class Finder(Protocol):
    """Runs a network of this task.

    Attributes:
        size: (H, W) of the pictures it reads.
        resize_mode: how pictures become these.
        vocabulary: words that it knows.
    """

    size: tuple[int, int]
    resize_mode: str
    vocabulary: Vocabulary

    def look(self, images: NDArray[np.uint8]) -> list[Found]:
        """Return who is in each of (B, H, W, 3) RGB pictures."""
        ...

    def ask_texts(self, found: Found, texts: Sequence[str]) -> Array:
        """Return (P, Q) probabilities that a text means a candidate; over candidates they add up to at most 1."""
        ...

    def ask_places(self, found: Found, points: Array, kind: str) -> Array:
        """Return (P, Q) probabilities that a place means a candidate.

        Args:
            found: of a picture.
            points: (P, K, 2) normalised x and y: one point, a stroke, or two corners of a box.
            kind: ``point``, ``scribble`` or ``box``.
        """
        ...

"""Is anybody there? One answer per image, as a camera that only wakes something up gives it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uhd.evaluation.matching import Matches
from uhd.objects import Objects


@dataclass(frozen=True, eq=False)
class Presence:
    """The answers of a detector about images of which the truth is known.

    An image without people that has a region to ignore is left out: somebody may be in it.

    Attributes:
        scores: (I,) of the best detection of each image, 0 to 1; 0 without any.
        present: (I,) whether somebody to be found is in it.
    """

    scores: NDArray[np.float32]
    present: NDArray[np.bool_]

    @classmethod
    def of(cls, matches: Matches, truths: Sequence[Objects]) -> Presence:
        """Gather from the detections of images and what is in them."""
        scores = np.zeros(len(truths), np.float32)
        np.maximum.at(scores, matches.images, matches.scores)
        present = np.array([truth.count > 0 for truth in truths], bool)
        known = present | np.array([not len(truth.regions) for truth in truths], bool)
        return cls(scores[known], present[known])

    def accuracy(self, threshold: float) -> float:
        """Return the share of the images, 0 to 1, where a detection above the threshold says the truth."""
        return float(np.mean((self.scores >= threshold) == self.present)) if len(self.scores) else 0.0

    def best(self) -> tuple[float, float]:
        """Return threshold and accuracy, each 0 to 1, where the accuracy on these very images is highest.

        The threshold is 1 where it is best to say no to all of them.
        """
        order = np.argsort(-self.scores, kind="stable")
        scores, present = self.scores[order], self.present[order]
        # Saying yes to one more image is right where somebody is there, and wrong where nobody is.
        right = np.count_nonzero(~present) + np.cumsum(np.where(present, 1, -1))
        right = np.where(np.append(scores[1:] != scores[:-1], True)[: len(scores)], right, -1)
        if not len(scores) or np.count_nonzero(~present) >= right.max():
            return 1.0, float(np.mean(~present)) if len(present) else 0.0
        return float(scores[right.argmax()]), float(right.max() / len(scores))

"""Orders of an epoch that show rare classes more often."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uhd.data.dataset import Dataset


@dataclass(frozen=True)
class RepeatFactorSampler:
    """Images of rare classes come more often (Gupta, Dollar, Girshick, LVIS, 2019, https://arxiv.org/abs/1908.03195).

    An image is wanted ``max(1, sqrt(threshold / f))`` times, f the share of images that show its rarest class. The
    epoch keeps its length.

    Attributes:
        threshold: share of images below which a class is repeated, 0 to 1.
    """

    threshold: float

    def factors(self, dataset: Dataset) -> NDArray[np.float64]:
        """Return how often each image (N,) is wanted, from 1."""
        labels = [np.unique(record.objects.targets.labels) for record in dataset.records]
        classes = 1 + max((int(each.max()) for each in labels if len(each)), default=0)
        share = np.bincount(np.concatenate([*labels, np.zeros(0, np.int64)]), minlength=classes) / max(1, len(labels))
        factor = np.maximum(1, np.sqrt(self.threshold / np.maximum(share, 1e-12)))
        return np.array([factor[each].max(initial=1) for each in labels])

    def __call__(self, dataset: Dataset, rng: np.random.Generator) -> NDArray[np.int64]:
        """Return the sample index at every position of an epoch (N,)."""
        factor = self.factors(dataset)
        whole = np.floor(factor).astype(np.int64)
        times = whole + (rng.random(len(factor)) < factor - whole)
        return rng.permutation(np.repeat(np.arange(len(factor)), times))[: len(factor)]

"""One batch from a job: which samples, at which size, in which stage of the training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from uhd.data.batch import Batch
from uhd.data.dataset import Dataset
from uhd.read import UnreadableImage
from uhd.sample import Sample, SecondImage

_GRAY = 114
Collate = Callable[[Sequence[Sample], NDArray[np.uint8] | None], Batch]
Made = tuple[Batch, list[str]]  # a batch, and what is to be said of images that could not be read


@dataclass(frozen=True, eq=False, slots=True)
class Job:
    """What a worker is told; everything else it holds already.

    Attributes:
        epoch: from 0.
        size: network size (h, w).
        stage: of the training, which chooses the transform.
        positions: (b,) places in the epoch.
        indices: (b,) samples at those places.
    """

    epoch: int
    size: tuple[int, int]
    stage: int
    positions: NDArray[np.int64]
    indices: NDArray[np.int64]


class Transform(Protocol):
    """Turns a sample of any size into one at network size."""

    def __call__(
        self,
        sample: Sample,
        rng: np.random.Generator,
        size: tuple[int, int],
        mode: str,
        draw_partner: Callable[[np.random.Generator], Sample],
        second: SecondImage | None = None,
    ) -> Sample:
        """Return the sample whose image is (h, w, 3), and fill ``second``, if any, with what it shows."""
        ...


class BatchMaker:
    """What every worker holds: it makes the batch of a job, the same one wherever it runs.

    Args:
        dataset: labelled images.
        transforms: augmentation by stage; None resizes only.
        mode: resize mode.
        seed: position p of epoch e is augmented with ``default_rng([seed, e, p])``.
        object_share: share of partners and of the order that show an object; None leaves it to chance.
        teacher_view: size (h, w) and resize mode of the teacher's images.
        collate: stacks samples to a batch.
    """

    def __init__(
        self,
        dataset: Dataset,
        transforms: Sequence[Transform | None],
        mode: str,
        seed: int,
        object_share: float | None,
        teacher_view: tuple[tuple[int, int], str] | None,
        collate: Collate,
    ) -> None:
        self.teacher_view, self.collate = teacher_view, collate
        self.dataset, self.transforms, self.mode, self.seed = dataset, tuple(transforms), mode, seed
        has_object = np.array([len(record.boxes) > 0 for record in dataset.records])
        self.shown, self.empty = np.flatnonzero(has_object), np.flatnonzero(~has_object)
        # Nothing to balance when all images are of one kind.
        self.object_share = object_share if len(self.shown) and len(self.empty) else None

    def __call__(self, job: Job) -> Made:
        """Return the batch of a job, and what is to be said of images that could not be read."""
        jobs = list(zip(job.positions.tolist(), job.indices.tolist(), strict=True))
        broken: list[str] = []
        if self.teacher_view is None:
            return self.collate([self._sample(job, p, i, None, broken) for p, i in jobs], None), broken
        (height, width), mode = self.teacher_view
        images = np.empty((len(jobs), height, width, 3), np.uint8)
        seconds = [SecondImage(image, mode) for image in images]
        samples = [self._sample(job, p, i, one, broken) for (p, i), one in zip(jobs, seconds, strict=True)]
        return self.collate(samples, images), broken

    def _sample(self, job: Job, position: int, index: int, second: SecondImage | None, broken: list[str]) -> Sample:
        try:
            return self._read(job, position, index, second)
        except UnreadableImage as error:
            # It was readable when the training began; a gray image without objects costs the run nothing.
            broken.append(str(error))
            if second is not None:
                second.image[:] = _GRAY
            return Sample(np.full((*job.size, 3), _GRAY, np.uint8), name=str(self.dataset.records[index].image))

    def _read(self, job: Job, position: int, index: int, second: SecondImage | None) -> Sample:
        transform = self.transforms[min(job.stage, len(self.transforms) - 1)]
        if transform is None:
            if second is not None:
                size = (second.image.shape[0], second.image.shape[1])
                second.image[:] = self.dataset.network_sample(index, size, second.mode).image
            return self.dataset.network_sample(index, job.size, self.mode)
        rng = np.random.default_rng([self.seed, job.epoch, position])
        sample = self.dataset[index]
        if second is None:  # a transform of the user's own need not know of second images
            return transform(sample, rng, job.size, self.mode, self._partner)
        return transform(sample, rng, job.size, self.mode, self._partner, second)

    def order(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """Return image indices (N,) in random order, as many as images, with the wanted share of those with objects."""
        count = len(self.dataset)
        if self.object_share is None:
            return rng.permutation(count)
        wanted = round(self.object_share * count)
        shown = np.resize(rng.permutation(self.shown), wanted)
        return rng.permutation(np.concatenate([shown, np.resize(rng.permutation(self.empty), count - wanted)]))

    def _partner(self, rng: np.random.Generator) -> Sample:
        if self.object_share is None:
            return self.dataset[int(rng.integers(len(self.dataset)))]
        pool = self.shown if rng.random() < self.object_share else self.empty
        return self.dataset[int(pool[rng.integers(len(pool))])]

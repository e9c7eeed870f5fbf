"""What a model is shown of the validation images: each resized whole, or seen through an augmentation."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from uhd.data.batch_maker import Transform
from uhd.data.dataset import Dataset
from uhd.objects import Objects
from uhd.sample import Sample, SecondImage

PICTURE_MODE = "torch_bilinear"
PICTURE_SIDE = 512  # pixels, of the larger side of a picture that is drawn of an augmented image


@dataclass(frozen=True, eq=False)
class Views:
    """The validation images as a model of one input sees them.

    Every augmented image has a generator of its own, seeded with the name of its file: it looks the same in every
    epoch, in every run, and whichever other images are measured with it.

    Attributes:
        dataset: the images.
        size: network size (h, w).
        mode: resize mode.
        transform: augmentation, or None: each image is resized once, as deployment does.
        seed: of the augmentation.
    """

    dataset: Dataset
    size: tuple[int, int]
    mode: str
    transform: Transform | None = None
    seed: int = 0

    def read(self) -> tuple[NDArray[np.uint8], list[Objects]]:
        """Return all images (n, h, w, 3) at network size, RGB, and what is to be found in them."""
        if self.transform is None:
            truths = [record.objects for record in self.dataset.records]
            return self.dataset.network_images(self.size, self.mode), truths
        images = np.empty((len(self.dataset), *self.size, 3), np.uint8)
        truths = []
        for i in range(len(self.dataset)):
            sample = self._augmented(i)
            images[i] = sample.image
            truths.append(sample.objects)
        return images, truths

    def show(self, index: int) -> tuple[NDArray[np.uint8], Sample]:
        """Return one image at network size (h, w, 3), and the same view as a sample that is large enough to draw on."""
        if self.transform is None:
            sample = self.dataset[index]
            return self.dataset.network_sample(index, self.size, self.mode).image, sample
        factor = max(1, PICTURE_SIDE // max(self.size))
        picture = np.empty((self.size[0] * factor, self.size[1] * factor, 3), np.uint8)
        seen = self._augmented(index, SecondImage(picture, PICTURE_MODE))
        return seen.image, seen.with_image(picture)

    def _augmented(self, index: int, second: SecondImage | None = None) -> Sample:
        sample = self.dataset[index]
        rng = np.random.default_rng([self.seed, zlib.crc32(Path(sample.name).name.encode())])
        assert self.transform is not None
        if second is None:
            return self.transform(sample, rng, self.size, self.mode, self._partner)
        return self.transform(sample, rng, self.size, self.mode, self._partner, second)

    def _partner(self, rng: np.random.Generator) -> Sample:
        return self.dataset[int(rng.integers(len(self.dataset)))]

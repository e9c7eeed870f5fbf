"""Labelled images behind an index."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from uhd.data.cache import ImageStore
from uhd.data.records import Record, box_sizes
from uhd.sample import Sample


class Dataset:
    """Records with their decoded images; unreadable images are left out.

    Args:
        records: labels and paths.
        images: the decoded images, in the same order.

    Attributes:
        records: those whose image can be read.
        original_sizes: (n, 2) int64, height and width of the files in pixels.
    """

    def __init__(self, records: Sequence[Record], images: ImageStore) -> None:
        if len(records) != len(images.shapes):
            raise ValueError(f"{len(records)} records but {len(images.shapes)} images")
        kept = np.flatnonzero(images.shapes[:, 0] > 0)
        self._place: list[int] = kept.tolist()
        self._images = images
        self.records = [records[i] for i in self._place]
        self.original_sizes: NDArray[np.int64] = images.originals[kept]

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> Sample:
        """Return the image as cached (read-only pixels, nothing copied) with its labels."""
        record = self.records[index]
        return Sample(self._images[self._place[index]], objects=record.objects, name=str(record.image))

    def network_sample(self, index: int, size: tuple[int, int], mode: str) -> Sample:
        """Return the whole image at network size, as deployment reads it, with its labels."""
        record = self.records[index]
        image = self._images.network_input(self._place[index], size, mode)
        return Sample(image, objects=record.objects, name=str(record.image))

    def network_images(self, size: tuple[int, int], mode: str) -> NDArray[np.uint8]:
        """Return every image resized once from its file to (n, h, w, 3) uint8 RGB, as deployment does."""
        images = np.empty((len(self), *size, 3), np.uint8)
        for i, place in enumerate(self._place):
            images[i] = self._images.network_input(place, size, mode)
        return images

    def label_sizes(self) -> NDArray[np.float32]:
        """Return the (n, 2) normalised width and height of every box, for anchors and statistics."""
        return box_sizes(self.records)

"""One labelled image on its way from a file to a batch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uhd.objects import Objects

_NO_BOXES = np.zeros((0, 4), np.float32)
_NO_BOXES.flags.writeable = False


@dataclass(frozen=True, eq=False, slots=True, init=False)
class Sample:
    """An image with what is in it.

    Made of an image and :class:`~uhd.objects.Objects`, or of an image and boxes, labels and ignore regions apart.

    Attributes:
        image: (H, W, 3) uint8, RGB.
        objects: what is in it, normalised to the image.
        name: identifies the image in reports, usually its path.
    """

    image: NDArray[np.uint8]
    objects: Objects
    name: str

    def __init__(
        self,
        image: NDArray[np.uint8],
        boxes: NDArray[np.float32] | None = None,
        labels: NDArray[np.int64] | None = None,
        ignore: NDArray[np.float32] | None = None,
        name: str = "",
        *,
        objects: Objects | None = None,
    ) -> None:
        """Check the shapes.

        Args:
            image: (H, W, 3) uint8, RGB.
            boxes, labels, ignore: (N, 4), (N,) and (M, 4); beside ``objects`` they stand for its own, as
                ``dataclasses.replace(sample, boxes=boxes)`` asks for.
            name: of the image.
            objects: what is in it.

        Raises:
            ValueError: arrays of another form, or others beside objects of which keypoints, masks or texts are known.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ValueError(f"image must be (H, W, 3) uint8, not {image.shape} {image.dtype}")
        if objects is None:
            objects = Objects.of(_NO_BOXES if boxes is None else boxes, labels, ignore)
        elif boxes is not None or labels is not None or ignore is not None:
            objects = _changed(objects, boxes, labels, ignore)
        object.__setattr__(self, "image", image)
        object.__setattr__(self, "objects", objects)
        object.__setattr__(self, "name", name)

    @property
    def boxes(self) -> NDArray[np.float32]:
        """(N, 4) float32 ``xyxy`` of what is to be found, normalised, 0 to 1."""
        return self.objects.boxes[: self.objects.count]

    @property
    def labels(self) -> NDArray[np.int64]:
        """(N,) int64 of what is to be found, position in the list of wanted classes."""
        return self.objects.labels[: self.objects.count]

    @property
    def ignore(self) -> NDArray[np.float32]:
        """(M, 4) float32 ``xyxy``, normalised; regions that are neither positive nor negative."""
        return self.objects.regions

    def with_image(self, image: NDArray[np.uint8]) -> Sample:
        """Return the same objects on another image (H, W, 3) that shows them in the same places."""
        return Sample(image, objects=self.objects, name=self.name)

    def with_objects(self, objects: Objects) -> Sample:
        """Return the same image with other objects."""
        return Sample(self.image, objects=objects, name=self.name)


def _changed(
    objects: Objects,
    boxes: NDArray[np.float32] | None,
    labels: NDArray[np.int64] | None,
    ignore: NDArray[np.float32] | None,
) -> Objects:
    """Return objects with other boxes, labels or regions."""
    if not objects.is_plain:
        raise ValueError("more than boxes is known of these objects: give other objects")
    return Objects.of(
        objects.boxes[: objects.count] if boxes is None else boxes,
        objects.labels[: objects.count] if labels is None else labels,
        objects.regions if ignore is None else ignore,
    )


@dataclass(frozen=True, eq=False, slots=True)
class SecondImage:
    """What one sample shows, to be read once more at another size: with it a teacher sees a student's crop sharper.

    Attributes:
        image: (H, W, 3) uint8 RGB, filled by whoever makes the sample.
        mode: resize mode by which its pixels are read.
    """

    image: NDArray[np.uint8]
    mode: str

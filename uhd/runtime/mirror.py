"""A model that looks at the mirror image: with the model itself in an ensemble, test-time augmentation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from uhd.resize import is_point_sampling
from uhd.runtime.predictor import Prediction, Predictor


class MirroredPredictor(Predictor):
    """A predictor shown every image mirrored, left and right; its boxes are mirrored back.

    Args:
        inner: the model.
    """

    def __init__(self, inner: Predictor) -> None:
        self.inner, self.spec = inner, inner.spec

    def infer(self, batch: NDArray[np.float32]) -> list[Prediction]:
        """Run the network on (B, C, h, w) mirrored; see :meth:`Predictor.infer`."""
        found = self.inner.infer(mirror(batch, is_point_sampling(self.spec.resize_mode)))
        return [(np.stack([1 - b[:, 2], b[:, 1], 1 - b[:, 0], b[:, 3]], 1), scores) for b, scores in found]


def mirror(batch: NDArray[np.float32], point_sampled: bool = False) -> NDArray[np.float32]:
    """Return (B, C, h, w) as the mirrored photograph would look; of packed YUV (two channels) pairs keep their order.

    Args:
        batch: in [0, 1].
        point_sampled: a sample is the left end of what its pixel covers, and its right end in a mirror; moved on by one
            pixel it is the left end of the next. (Packed YUV moves in pairs only and stays where it is.)
    """
    flipped = np.ascontiguousarray(batch[..., ::-1])
    if batch.shape[1] == 2 and batch.shape[3] % 2 == 0:
        b, _, h, w = batch.shape
        flipped[:, 1] = batch[:, 1].reshape(b, h, w // 2, 2)[:, :, ::-1].reshape(b, h, w)
    elif point_sampled:
        flipped[..., 1:] = flipped[..., :-1].copy()
    return flipped

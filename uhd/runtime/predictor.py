"""What every runtime offers: the network on a batch, and the whole way from images to detections."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from uhd.card import ModelSpec
from uhd.detections import Detections
from uhd.heads import select
from uhd.resize import resize_image, to_network

Prediction = tuple[NDArray[np.float32], NDArray[np.float32]]


class Predictor(ABC):
    """A model ready to run.

    Attributes:
        spec: how to feed it and read its output.
    """

    spec: ModelSpec

    @abstractmethod
    def infer(self, batch: NDArray[np.float32]) -> list[Prediction]:
        """Run the network.

        Args:
            batch: (B, C, h, w) float32 in [0, 1].

        Returns:
            Per image boxes (N, 4) ``xyxy`` normalised and scores (N, classes), unfiltered.
        """

    def preprocess(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Return the network's input for RGB images (H, W, 3) of any size."""
        size, mode = self.spec.input_size, self.spec.resize_mode
        if len(images) == 1:
            return to_network(resize_image(images[0], size, mode)[None], mode)
        return to_network(np.stack([resize_image(image, size, mode) for image in images]), mode)

    def postprocess(
        self,
        prediction: Prediction,
        image_size: tuple[int, int],
        conf_thresh: float | None = None,
        nms_iou: float | None = None,
    ) -> Detections:
        """Turn one image's prediction into detections in its pixels, clipped to it.

        Args:
            prediction: from :meth:`infer`.
            image_size: (height, width) of the source image.
            conf_thresh: least score; None takes the model's own.
            nms_iou: IoU at which duplicates are dropped; None takes the model's own, 0 or less keeps all.
        """
        threshold = self.spec.conf_thresh if conf_thresh is None else conf_thresh
        boxes, scores, class_ids = select(*prediction, threshold)
        if not len(boxes):
            return Detections(boxes, scores, class_ids, image_size, self.spec.class_names)
        # Duplicates are judged by what is seen of them: after clipping to the frame, as in the original.
        boxes = np.clip(boxes, 0, 1)
        boxes, scores, class_ids = self.spec.suppression.at(nms_iou)(boxes, scores, class_ids, threshold)
        height, width = image_size
        pixels = boxes * np.array([width, height, width, height], np.float32)
        solid = (pixels[:, 2] > pixels[:, 0]) & (pixels[:, 3] > pixels[:, 1])
        if not solid.all():
            pixels, scores, class_ids = pixels[solid], scores[solid], class_ids[solid]
        return Detections(pixels, scores, class_ids, image_size, self.spec.class_names)

    def predict(
        self, images: Sequence[NDArray[np.uint8]], conf_thresh: float | None = None, nms_iou: float | None = None
    ) -> list[Detections]:
        """Detect in RGB images (H, W, 3) uint8 of any size; see :meth:`postprocess` for the thresholds."""
        if not images:
            return []
        predictions = self.infer(self.preprocess(images))
        return [
            self.postprocess(prediction, (image.shape[0], image.shape[1]), conf_thresh, nms_iou)
            for prediction, image in zip(predictions, images, strict=True)
        ]

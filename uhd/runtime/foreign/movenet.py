"""MoveNet SinglePose, Lightning and Thunder (Apache-2.0; TF Hub): the 17 keypoints of one person in a square crop.

As https://www.tensorflow.org/hub/tutorials/movenet describes it; files for ONNX and LiteRT have the same form.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from uhd.keypoints import KEYPOINT_NAMES
from uhd.runtime.litert import open_interpreter
from uhd.runtime.onnx import open_session

_ANSWER = (1, 1, len(KEYPOINT_NAMES), 3)
_TYPES = {"tensor(int32)": np.int32, "tensor(uint8)": np.uint8, "tensor(float)": np.float32}


class MoveNet:
    """A graph from (1, side, side, 3) RGB, 0 to 255, to (1, 1, 17, 3): y, x and score, normalised to the square.

    Args:
        path: the ``.onnx`` or ``.tflite`` file.
        threads: of the runtime.
        margin: side of the crop, in longer sides of the person's box.
    """

    name = "MoveNet SinglePose (Apache-2.0)"

    def __init__(self, path: Path, threads: int = 1, margin: float = 1.25) -> None:
        self._margin = margin
        self._session = self._interpreter = None
        if path.suffix.lower() == ".onnx":
            self._session = open_session(path, threads)
            feed = self._session.get_inputs()[0]
            self._feed, self._type, self.side = feed.name, _TYPES[feed.type], int(feed.shape[1])
        else:
            self._interpreter = open_interpreter(path, threads)[0]
            details = self._interpreter.get_input_details()[0]
            self._feed, self._type, self.side = details["index"], details["dtype"], int(details["shape"][1])

    @classmethod
    def recognises(cls, path: Path) -> bool:
        """Whether one square picture comes in, channels last, and 17 keypoints of one person go out."""
        if path.suffix.lower() == ".onnx":
            session = open_session(path)
            feeds = [tuple(each.shape) for each in session.get_inputs() if each.type in _TYPES]
            answers = [tuple(each.shape) for each in session.get_outputs()]
        else:
            interpreter = open_interpreter(path)[0]
            feeds = [tuple(int(n) for n in each["shape"]) for each in interpreter.get_input_details()]
            answers = [tuple(int(n) for n in each["shape"]) for each in interpreter.get_output_details()]
        if len(feeds) != 1 or len(feeds[0]) != 4 or answers != [_ANSWER]:
            return False
        _, height, width, channels = feeds[0]
        return isinstance(height, int) and height == width and channels == 3

    def __call__(self, image: NDArray[np.uint8], boxes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the poses of people in an RGB image; see :class:`~uhd.runtime.foreign.ForeignPoses`."""
        extent = np.array([image.shape[1], image.shape[0]], np.float32)
        found = np.zeros((len(boxes), len(KEYPOINT_NAMES), 3), np.float32)
        for i, box in enumerate(boxes * np.tile(extent, 2)):
            crop, corner, size = square_around(image, box, self._margin)
            method = cv2.INTER_AREA if size > self.side else cv2.INTER_LINEAR
            square = cv2.resize(crop, (self.side, self.side), interpolation=method)
            answer = self._run(square[None].astype(self._type)).reshape(_ANSWER)[0, 0]
            found[i, :, :2] = (corner + answer[:, 1::-1] * size) / extent
            found[i, :, 2] = answer[:, 2]
        return found

    def _run(self, pixels: NDArray[np.generic]) -> NDArray[np.float32]:
        if self._session is not None:
            return np.asarray(self._session.run(None, {self._feed: pixels})[0])
        assert self._interpreter is not None
        self._interpreter.set_tensor(self._feed, pixels)
        self._interpreter.invoke()
        return np.asarray(self._interpreter.get_tensor(self._interpreter.get_output_details()[0]["index"]))


def square_around(
    image: NDArray[np.uint8], box: NDArray[np.float32], margin: float
) -> tuple[NDArray[np.uint8], NDArray[np.float32], int]:
    """Return the square around a box, black beyond the picture, its left upper corner (2,) and its side in pixels.

    Args:
        image: (H, W, 3).
        box: (4,) ``xyxy`` in pixels.
        margin: side, in longer sides of the box.
    """
    side = max(1, round(float(max(box[2] - box[0], box[3] - box[1])) * margin))
    left, top = np.round((box[:2] + box[2:]) / 2 - side / 2).astype(int).tolist()
    square = np.zeros((side, side, 3), np.uint8)
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + side, image.shape[1]), min(top + side, image.shape[0])
    if x1 > x0 and y1 > y0:
        square[y0 - top : y1 - top, x0 - left : x1 - left] = image[y0:y1, x0:x1]
    return square, np.array([left, top], np.float32), side

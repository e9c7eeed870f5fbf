"""NanoDet (RangiLyu/nanodet, Apache-2.0; https://github.com/RangiLyu/nanodet): persons, or all 80 classes of COCO.

Boxes are distances to four sides, each the expectation of a distribution over bins (generalised focal loss,
Li et al., 2020, https://arxiv.org/abs/2006.04388).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from uhd.runtime.foreign import Found, FoundClasses
from uhd.runtime.foreign.coco_classes import COCO_CLASSES
from uhd.runtime.foreign.letterbox import fit_into_square
from uhd.runtime.onnx import open_session

_CLASSES, _PERSON = 80, 0
_STRIDES = (8, 16, 32)
_MEAN_BGR = np.array([103.53, 116.28, 123.675], np.float32)
_STD_BGR = np.array([57.375, 57.12, 58.395], np.float32)
_GRAY = 114
_LEAST = 0.01  # answers below it are noise and most of the 3,549


class NanoDet:
    """A NanoDet graph with one score map (n*n, 80), sigmoid inside, and one distance map (n*n, 4*bins) per stride.

    Args:
        path: the ``.onnx`` file.
        threads: of the runtime.
    """

    name = "NanoDet (Apache-2.0)"
    class_names = COCO_CLASSES

    def __init__(self, path: Path, threads: int = 1) -> None:
        self._session = open_session(path, threads)
        self._input = self._session.get_inputs()[0]
        self._side = int(self._input.shape[2])

    @classmethod
    def recognises(cls, path: Path) -> bool:
        """Whether scores of 80 classes and distances over bins stand beside each other at strides 8, 16 and 32."""
        session = open_session(path)
        inputs, shapes = session.get_inputs(), [output.shape for output in session.get_outputs()]
        if len(inputs) != 1 or len(inputs[0].shape) != 4 or not all(isinstance(n, int) for n in inputs[0].shape[1:]):
            return False
        _, channels, height, width = inputs[0].shape
        cells = {(height // stride) * (width // stride) for stride in _STRIDES}
        rows = {shape[-2] for shape in shapes if len(shape) >= 2 and shape[-1] == _CLASSES}
        return channels == 3 and height == width and rows == cells and len(shapes) == 2 * len(_STRIDES)

    def __call__(self, image: NDArray[np.uint8]) -> Found:
        """Return the people in an RGB image (H, W, 3); see :class:`~uhd.runtime.foreign.ForeignDetector`."""
        boxes, scores, _ = self._look(image, slice(_PERSON, _PERSON + 1))
        return boxes, scores

    def every_class(self, image: NDArray[np.uint8]) -> FoundClasses:
        """Return all that is seen; see :class:`~uhd.runtime.foreign.ManyClasses`."""
        return self._look(image, slice(0, _CLASSES))

    def _look(self, image: NDArray[np.uint8], classes: slice) -> FoundClasses:
        square, place = fit_into_square(image, self._side, _GRAY)
        tensor = ((square[..., ::-1] - _MEAN_BGR) / _STD_BGR).transpose(2, 0, 1)[None]
        outputs = self._session.run(None, {self._input.name: np.ascontiguousarray(tensor, np.float32)})
        maps = [np.asarray(output).reshape(output.shape[-2:]) for output in outputs]
        scores_at = {len(each): each[:, classes] for each in maps if each.shape[1] == _CLASSES}
        sides_at = {len(each): each for each in maps if each.shape[1] != _CLASSES}
        boxes, scores, labels = [], [], []
        for stride in _STRIDES:
            count = (self._side // stride) ** 2
            at, label = np.nonzero(scores_at[count] >= _LEAST)
            boxes.append(_boxes(sides_at[count][at], at, self._side // stride, stride))
            scores.append(scores_at[count][at, label])
            labels.append(label + classes.start)
        score = np.concatenate(scores).astype(np.float32)
        order = np.argsort(-score, kind="stable")
        return place.to_photograph(np.concatenate(boxes)[order]), score[order], np.concatenate(labels)[order]


def _boxes(sides: NDArray[np.float32], cell: NDArray[np.int64], columns: int, stride: int) -> NDArray[np.float32]:
    """Return ``xyxy`` boxes (N, 4) in input pixels from the bins (N, 4 * bins) of the cells' sides."""
    bins = sides.reshape(len(sides), 4, -1)
    weight = np.exp(bins - bins.max(-1, keepdims=True))
    distance = (weight * np.arange(bins.shape[-1])).sum(-1) / weight.sum(-1) * stride
    x, y = (cell % columns + 0.5) * stride, (cell // columns + 0.5) * stride
    edges = [x - distance[:, 0], y - distance[:, 1], x + distance[:, 2], y + distance[:, 3]]
    return np.stack(edges, 1).astype(np.float32)

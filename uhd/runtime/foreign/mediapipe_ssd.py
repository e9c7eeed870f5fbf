"""The SSD of MediaPipe's Objectron (Apache-2.0; npm ``@mediapipe/objectron``): MobileNetV2 on Open Images, 24 classes.

Anchors and box coding are those of SSD (Liu et al., 2016, https://arxiv.org/abs/1512.02325) as TensorFlow's object
detection library lays them out.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from uhd.runtime.foreign import Found
from uhd.runtime.litert import open_interpreter

_CLASSES, _PERSON = 24, 4
_GRIDS = (19, 10, 5, 3, 2, 1)
_SMALLEST, _LARGEST = 0.2, 0.95
_RATIOS = (1.0, 2.0, 0.5, 3.0, 1.0 / 3.0)
_CENTRE, _EXTENT = 10.0, 5.0  # what the coder multiplies offsets and logarithms of sizes with
_LEAST = 0.01


class MediaPipeSsd:
    """An SSD with raw box encodings (1, N, 4) and class logits (1, N, 24).

    Args:
        path: the ``.tflite`` file.
        threads: of the runtime.
    """

    name = "MediaPipe SSD, Open Images (Apache-2.0)"

    def __init__(self, path: Path, threads: int = 1) -> None:
        self._run, _ = open_interpreter(path, threads)
        self._input = self._run.get_input_details()[0]
        self._anchors = ssd_anchors()

    @classmethod
    def recognises(cls, path: Path) -> bool:
        """Whether the outputs are encodings and 24 classes of as many anchors as this SSD has."""
        outputs = open_interpreter(path)[0].get_output_details()
        return sorted(tuple(each["shape"]) for each in outputs) == [(1, 1917, 4), (1, 1917, _CLASSES)]

    def __call__(self, image: NDArray[np.uint8]) -> Found:
        """Return the people in an RGB image (H, W, 3); see :class:`~uhd.runtime.foreign.ForeignDetector`."""
        _, height, width, _ = self._input["shape"]
        method = cv2.INTER_AREA if image.shape[0] > height else cv2.INTER_LINEAR
        pixels = cv2.resize(image, (int(width), int(height)), interpolation=method).astype(np.float32)
        self._run.set_tensor(self._input["index"], pixels[None] / 127.5 - 1)
        self._run.invoke()
        outputs = {each["shape"][-1]: self._run.get_tensor(each["index"])[0] for each in self._run.get_output_details()}
        score = 1 / (1 + np.exp(-outputs[_CLASSES][:, _PERSON]))
        kept = np.flatnonzero(score >= _LEAST)
        kept = kept[np.argsort(-score[kept], kind="stable")]
        return _decode(outputs[4][kept], self._anchors[kept]), score[kept].astype(np.float32)


def ssd_anchors() -> NDArray[np.float32]:
    """Return the (1917, 4) anchors as ``cxcywh``, normalised: three in each cell of the finest grid, six elsewhere."""
    scales = [*np.linspace(_SMALLEST, _LARGEST, len(_GRIDS)), 1.0]
    tables = []
    for level, grid in enumerate(_GRIDS):
        scale, between = scales[level], float(np.sqrt(scales[level] * scales[level + 1]))
        shapes = [(scale, ratio) for ratio in _RATIOS] + [(between, 1.0)]
        if level == 0:
            shapes = [(0.1, 1.0), (scale, 2.0), (scale, 0.5)]
        size = np.array([(s * np.sqrt(r), s / np.sqrt(r)) for s, r in shapes])
        row, column = np.divmod(np.arange(grid * grid), grid)
        centre = np.stack([(column + 0.5) / grid, (row + 0.5) / grid], 1)
        tables.append(np.concatenate([np.repeat(centre, len(size), 0), np.tile(size, (grid * grid, 1))], 1))
    return np.concatenate(tables).astype(np.float32)


def _decode(codes: NDArray[np.float32], anchors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return ``xyxy`` boxes (N, 4), normalised and clipped, from encodings y, x, h, w of anchors ``cxcywh``."""
    centre = codes[:, 1::-1] / _CENTRE * anchors[:, 2:] + anchors[:, :2]
    half = np.exp(codes[:, 3:1:-1] / _EXTENT) * anchors[:, 2:] / 2
    return np.asarray(np.clip(np.concatenate([centre - half, centre + half], 1), 0, 1), np.float32)

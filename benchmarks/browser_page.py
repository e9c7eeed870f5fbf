"""The page's detector behind the interface of the others, run by node: V8 is Chromium's engine too."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from uhd.card import ModelSpec
from uhd.runtime.predictor import Prediction, Predictor

_SCRIPT = Path(__file__).with_name("browser_boxes.mjs")


class PagePredictor(Predictor):
    """What ``uhd web`` serves.

    Args:
        spec: of the model that the page was made from.
        page: its folder.

    Raises:
        FileNotFoundError: there is no node here.
    """

    def __init__(self, spec: ModelSpec, page: Path) -> None:
        node = shutil.which("node")
        if node is None:
            raise FileNotFoundError("node is not installed")
        self.spec = spec
        self._process = subprocess.Popen([node, str(_SCRIPT), str(page)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def infer(self, batch: NDArray[np.float32]) -> list[Prediction]:
        """Detect in images (B, 3, H, W), 0 to 1; see :meth:`Predictor.infer`."""
        return [self._detect((image * 255).round().astype(np.uint8).transpose(1, 2, 0)) for image in batch]

    def _detect(self, image: NDArray[np.uint8]) -> Prediction:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        height, width = image.shape[:2]
        opaque = np.full((height, width, 1), 255, np.uint8)
        head = np.array([width, height], "<u4").tobytes()
        self._process.stdin.write(head + np.concatenate([image, opaque], 2).tobytes())
        self._process.stdin.flush()
        rows = np.array(json.loads(self._process.stdout.readline()), np.float32).reshape(-1, 6)
        return rows[:, :4] / np.array([width, height] * 2, np.float32), rows[:, 4:5]

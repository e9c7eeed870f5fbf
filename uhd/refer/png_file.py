"""A picture as a PNG file, pixel by pixel."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from uhd.files import save_atomic


def write_png(path: Path, image: NDArray[np.uint8]) -> None:
    """Write an RGB picture (H, W, 3) losslessly; the same pixels are the same bytes."""
    data = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes()
    save_atomic(path, lambda temporary: temporary.write_bytes(data))

"""One image of whatever is searched, and where it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Frame:
    """One image of a source.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        name: file name, or ``<video>_000012`` for a frame of a video.
        index: position in the source, from 0.
        path: the file as it was given; of a camera or stream its name.
        time: seconds since the start of the video, None for an image.
        place: below the folder that was given, the file's own path; results are written in the same subfolders.
    """

    image: NDArray[np.uint8]
    name: str
    index: int
    path: str = ""
    time: float | None = None
    place: Path = Path()

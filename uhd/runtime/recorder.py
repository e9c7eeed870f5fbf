"""Record frames as an MP4."""

from __future__ import annotations

import contextlib
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np
from numpy.typing import NDArray

from uhd.errors import UserError


class VideoRecorder:
    """Writes frames to a video file, which appears under its name when the recorder is closed.

    Args:
        path: ``.mp4`` (MPEG-4) or ``.avi`` (Motion JPEG).
        fps: frames per second.
        overwrite: replace an existing file.

    Raises:
        UserError: the file exists, or the suffix is unknown.
    """

    def __init__(self, path: Path, fps: float = 30.0, overwrite: bool = False) -> None:
        codecs = {".mp4": "mp4v", ".avi": "MJPG"}
        if path.suffix.lower() not in codecs:
            raise UserError(f"{path}: a recording is named .mp4 or .avi")
        if path.exists() and not overwrite:
            raise UserError(f"{path}: exists already; give another name or --overwrite")
        self.path, self.fps, self.frames = path, fps, 0
        self._codec = codecs[path.suffix.lower()]
        self._temporary = path.with_name(f".{path.stem}.part{path.suffix}")
        self._writer: cv2.VideoWriter | None = None
        self._size = (0, 0)

    def write(self, image: NDArray[np.uint8]) -> None:
        """Append an RGB frame (H, W, 3); frames of another size than the first are resized to it.

        Raises:
            UserError: the file cannot be written.
        """
        if self._writer is None:
            # Encoders store colour at half resolution, so sides must be even.
            self._size = (max(2, image.shape[1] // 2 * 2), max(2, image.shape[0] // 2 * 2))
            self._writer = self._open()
        bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        if (bgr.shape[1], bgr.shape[0]) != self._size:
            bgr = cv2.resize(bgr, self._size, interpolation=cv2.INTER_AREA)
        self._writer.write(bgr)
        self.frames += 1

    def close(self) -> None:
        """Finish the file; nothing is left when no frame was written."""
        if self._writer is None:
            return
        self._writer.release()
        self._writer = None
        self._temporary.replace(self.path)

    def _open(self) -> cv2.VideoWriter:
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
        code = cv2.VideoWriter_fourcc(*self._codec)  # type: ignore[attr-defined]  # its stub misses it
        writer = cv2.VideoWriter(str(self._temporary), code, self.fps, self._size)
        if not writer.isOpened():
            raise UserError(f"{self.path}: cannot be written as video; check the folder, or use the suffix .avi")
        return writer

    def __enter__(self) -> VideoRecorder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

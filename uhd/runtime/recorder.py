"""Record frames as a video that browsers play."""

from __future__ import annotations

import contextlib
import math
import os
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np
from numpy.typing import NDArray

from uhd.errors import UserError, install_hint
from uhd.runtime.encoders import CODECS, IN_BROWSERS, Encoder, open_encoder

SUFFIXES = tuple(CODECS)


class VideoRecorder:
    """Writes frames to a video file, which appears under its name when the recorder is closed.

    Attributes:
        codec: four letters, known from the first frame on; ``""`` before.
        frames: how many were written.

    Args:
        path: ``.mp4`` (H.264, else VP9, else MPEG-4), ``.webm`` (VP9) or ``.avi`` (Motion JPEG).
        fps: frames per second.
        overwrite: replace an existing file.

    Raises:
        UserError: the file exists, the suffix is unknown, or the rate is none.
    """

    def __init__(self, path: Path, fps: float = 30.0, overwrite: bool = False) -> None:
        if path.suffix.lower() not in CODECS:
            raise UserError(f"{path}: a recording is named .mp4 or .avi, or .webm")
        if not 0 < fps < math.inf:
            raise UserError(f"{path}: a recording has more than 0 frames per second, not {fps}")
        if path.exists() and not overwrite:
            raise UserError(f"{path}: exists already; give another name or --overwrite")
        self.path, self.fps, self.frames, self.codec = path, fps, 0, ""
        self._wanted, self._overwrite = path, overwrite
        # Two commands may record at once.
        self._temporary = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
        self._encoder: Encoder | None = None
        self._size, self._began = (0, 0), 0.0

    @property
    def remark(self) -> str:
        """What the user should know about the file, or ``""``."""
        if self.path != self._wanted:
            return f"{self._wanted} appeared meanwhile: the recording is {self.path}"
        if not self.codec or self.codec in IN_BROWSERS:
            return ""
        if self.path.suffix.lower() == ".avi":
            return f"{self.path}: Motion JPEG, which browsers do not play; name it .mp4 or .webm for them"
        return f"{self.path}: MPEG-4 Part 2, which browsers do not play; {install_hint('video')} brings H.264"

    def write(self, image: NDArray[np.uint8], seconds: float | None = None) -> None:
        """Append an RGB frame (H, W, 3); frames of another size than the first are resized to it.

        Args:
            image: the frame.
            seconds: since the start, when it is shown, of a camera whose frames come as they please; None for frames
                at the rate of the recording. Encoders of OpenCV know one rate only.

        Raises:
            UserError: the file cannot be written, or the frame is none.
        """
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
            raise UserError(f"{self.path}: a frame is uint8 (H, W, 3), not {image.dtype} {image.shape}")
        if self._encoder is None:
            # Encoders store colour at half resolution, so sides must be even.
            self._size = (max(2, image.shape[1] // 2 * 2), max(2, image.shape[0] // 2 * 2))
            self._encoder = self._open()
        if (image.shape[1], image.shape[0]) != self._size:
            image = np.asarray(cv2.resize(image, self._size, interpolation=cv2.INTER_AREA), np.uint8)
        if self.frames == 0:
            self._began = seconds or 0.0
        self._encoder.write(image, self.frames / self.fps if seconds is None else seconds - self._began)
        self.frames += 1

    def close(self) -> None:
        """Finish the file; nothing is left when no frame was written."""
        if self._encoder is None:
            with contextlib.suppress(OSError):  # of an encoder that was stopped while it opened its file
                self._temporary.unlink(missing_ok=True)
            return
        encoder, self._encoder = self._encoder, None
        encoder.close()
        if not self._overwrite:
            self.path = _free(self.path)
        self._temporary.replace(self.path)

    def _open(self) -> Encoder:
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
        encoder = open_encoder(self._temporary, self.fps, self._size)
        if encoder is not None:
            self.codec = encoder.codec
            return encoder
        with contextlib.suppress(OSError):  # what an encoder began that then failed
            self._temporary.unlink(missing_ok=True)
        raise UserError(f"{self.path}: cannot be written as video; check the folder, or use the suffix .avi")

    def __enter__(self) -> VideoRecorder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _free(path: Path) -> Path:
    """Return the path, with a number where somebody made such a file since the recording began."""
    number, free = 1, path
    while free.exists() or free.is_symlink():
        number += 1
        free = path.with_name(f"{path.stem}_{number}{path.suffix}")
    return free

"""Record frames as a video that browsers play."""

from __future__ import annotations

import contextlib
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np
from numpy.typing import NDArray

from uhd.errors import UserError
from uhd.runtime.chatter import silence_video
from uhd.runtime.quiet import quietly

# The first that can be written here is taken. OpenCV brings H.264 on some systems only, VP9 nearly everywhere.
CODECS = {".mp4": ("avc1", "vp09", "mp4v"), ".webm": ("VP90", "VP80"), ".avi": ("MJPG",)}
SUFFIXES = tuple(CODECS)
IN_BROWSERS = frozenset({"avc1", "vp09", "VP90", "VP80"})


class VideoRecorder:
    """Writes frames to a video file, which appears under its name when the recorder is closed.

    Attributes:
        codec: four letters, known from the first frame on; ``""`` before.
        frames: how many were written.

    Args:
        path: ``.mp4`` (H.264 or VP9, MPEG-4 where there is neither), ``.webm`` (VP9) or ``.avi`` (Motion JPEG).
        fps: frames per second.
        overwrite: replace an existing file.

    Raises:
        UserError: the file exists, or the suffix is unknown.
    """

    def __init__(self, path: Path, fps: float = 30.0, overwrite: bool = False) -> None:
        if path.suffix.lower() not in CODECS:
            raise UserError(f"{path}: a recording is named .mp4 or .avi, or .webm")
        if path.exists() and not overwrite:
            raise UserError(f"{path}: exists already; give another name or --overwrite")
        self.path, self.fps, self.frames, self.codec = path, fps, 0, ""
        self._temporary = path.with_name(f".{path.stem}.part{path.suffix}")
        self._writer: cv2.VideoWriter | None = None
        self._size = (0, 0)

    @property
    def remark(self) -> str:
        """What the user should know about the file, or ``""``."""
        if not self.codec or self.codec in IN_BROWSERS:
            return ""
        if self.path.suffix.lower() == ".avi":
            return f"{self.path}: Motion JPEG, which browsers do not play; name it .mp4 or .webm for them"
        return f"{self.path}: MPEG-4 Part 2, which browsers do not play: OpenCV has no encoder of H.264 or VP9 here"

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
        silence_video()
        for codec in CODECS[self.path.suffix.lower()]:
            code = cv2.VideoWriter_fourcc(*codec)  # type: ignore[attr-defined]  # its stub misses it
            with contextlib.suppress(UnicodeEncodeError), quietly():
                writer = cv2.VideoWriter(str(self._temporary), code, self.fps, self._size)
                if writer.isOpened():
                    self.codec = codec
                    return writer
        with contextlib.suppress(OSError):  # what a writer began that then failed
            self._temporary.unlink(missing_ok=True)
        raise UserError(f"{self.path}: cannot be written as video; check the folder, or use the suffix .avi")

    def __enter__(self) -> VideoRecorder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

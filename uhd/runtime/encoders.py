"""Video encoders: PyAV where it is installed, which brings H.264 and is fast, else OpenCV's own."""

from __future__ import annotations

import contextlib
from fractions import Fraction
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from uhd.runtime.chatter import silence_video
from uhd.runtime.quiet import quietly

Image = NDArray[np.uint8]
# The first that can be written here is taken. OpenCV brings H.264 on some systems only, VP9 nearly everywhere.
CODECS = {".mp4": ("avc1", "vp09", "mp4v"), ".webm": ("VP90", "VP80"), ".avi": ("MJPG",)}
IN_BROWSERS = frozenset({"avc1", "vp09", "VP90", "VP80"})
_PYAV: dict[str, tuple[str, str, dict[str, str]]] = {  # four letters, encoder, options
    ".mp4": ("avc1", "libx264", {"preset": "veryfast", "crf": "23"}),
    ".webm": ("VP90", "libvpx-vp9", {"deadline": "realtime", "cpu-used": "8", "crf": "32", "b": "0"}),
}
_CLOCK = 90_000  # ticks a second, as in most videos


class Encoder(Protocol):
    """Writes one video file.

    Attributes:
        codec: four letters.
    """

    codec: str

    def write(self, image: Image, seconds: float) -> None:
        """Append an RGB frame (H, W, 3) that is shown so many seconds after the start, where the format says so."""
        ...

    def close(self) -> None:
        """Finish the file."""
        ...


def open_encoder(path: Path, fps: float, size: tuple[int, int]) -> Encoder | None:
    """Return an encoder of the suffix of ``path``, or None when the file cannot be written.

    Args:
        path: ends in a key of ``CODECS``.
        fps: frames per second.
        size: (width, height), both even.
    """
    suffix = path.suffix.lower()
    if suffix in _PYAV:
        # Without PyAV, or with one that lacks the encoder, OpenCV does it.
        with contextlib.suppress(ImportError, OSError, ValueError):
            return _PyAvEncoder(path, fps, size, *_PYAV[suffix])
    silence_video()
    for codec in CODECS[suffix]:
        with contextlib.suppress(UnicodeEncodeError), quietly():
            writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), fps, size)
            if writer.isOpened():
                return _OpenCvEncoder(writer, codec)
    return None


class _OpenCvEncoder:
    def __init__(self, writer: cv2.VideoWriter, codec: str) -> None:
        self._writer, self.codec = writer, codec

    def write(self, image: Image, seconds: float) -> None:  # noqa: ARG002  every frame is as long as the others
        self._writer.write(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))

    def close(self) -> None:
        self._writer.release()


class _PyAvEncoder:
    def __init__(
        self, path: Path, fps: float, size: tuple[int, int], codec: str, encoder: str, options: dict[str, str]
    ) -> None:
        self._av: Any = import_module("av")  # may be missing, and mypy does not need it
        if encoder not in self._av.codecs_available:
            raise ValueError(f"this PyAV has no {encoder}")
        path.open("wb").close()  # PyAV would tell at the first frame only that it cannot be written
        self.codec, self._ticks = codec, -1
        self._file: Any = self._av.open(str(path), "w")
        self._stream: Any = self._file.add_stream(encoder, rate=Fraction(fps).limit_denominator(1001), options=options)
        self._stream.width, self._stream.height = size
        self._stream.pix_fmt = "yuv420p"  # the one that every browser shows
        self._stream.codec_context.time_base = Fraction(1, _CLOCK)

    def write(self, image: Image, seconds: float) -> None:
        frame = self._av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        # Two frames of one moment would be refused.
        self._ticks = max(self._ticks + 1, round(seconds * _CLOCK))
        frame.pts, frame.time_base = self._ticks, Fraction(1, _CLOCK)
        self._file.mux(self._stream.encode(frame))

    def close(self) -> None:
        self._file.mux(self._stream.encode())
        self._file.close()

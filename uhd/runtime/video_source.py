"""Frames of a video file, a camera or a network stream; a stream that drops is opened again."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from uhd.errors import UserError
from uhd.runtime.chatter import silence_video
from uhd.runtime.frame import Frame

_KINDS = ("rtsp", "rtsps", "rtmp", "http", "https", "udp", "tcp")
ADDRESSES = ", ".join(f"{kind}://" for kind in _KINDS)
_URL = re.compile(rf"^({'|'.join(_KINDS)})://", re.IGNORECASE)
_SECRET = re.compile(r"(?i)([?&](?:\w*(?:pass|pwd|password|token|secret|key))=)[^&#]*")
_TIMEOUT_MS = 10_000
_SLOWEST = 0.001  # frames per second: films of plants, one picture every few minutes
PAUSES = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0)  # seconds before each attempt to open a lost stream again


class VideoSource:
    """A video file, a camera or a network stream.

    Attributes:
        name: for people; without the password of an address.
        live: a camera or stream, which does not end by itself.
        fps: frames per second, 30 when the source does not say.
        problems: what went wrong while reading.
        lost: a live source that went away and did not come back.
        reconnections: how often a live source was opened again.

    Args:
        address: file, address or camera number.
        name: see above.
        live: see above; the address of a film, which has an end, is no live source all the same.

    Raises:
        UserError: it cannot be opened.
    """

    def __init__(self, address: str | int, name: str, live: bool) -> None:
        self.name, self.live, self.problems = name, live, list[str]()
        self.lost, self.reconnections = False, 0
        self.path = name if live else str(address)
        self._address = address
        self._capture = _open_capture(address)
        if not self._capture.isOpened():
            if live:
                raise UserError(f"{name}: cannot be opened; check the address and that no other program uses it")
            raise UserError(f"{address}: not a video or an image that can be read, or cut off")
        count = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self._count = int(count) if np.isfinite(count) and count > 0 and not isinstance(address, int) else 0
        self.live = live and not self._count
        self._prepare()
        fps = self._capture.get(cv2.CAP_PROP_FPS)
        self.fps = fps if np.isfinite(fps) and _SLOWEST <= fps <= 1000 else 30.0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Frame]:
        index, stem = 0, Path(self.name).stem or "frame"
        began, shown = time.monotonic(), -1.0
        try:
            while (image := self._read()) is not None:
                rgb = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)
                shown = time.monotonic() - began if self.live else self._time(index, shown)
                yield Frame(rgb, f"{stem}_{index:06d}", index, self.path, shown, Path(Path(self.name).name))
                index += 1
        finally:
            self.close()
        if self.live:
            self.lost = True
            self.problems.append(f"{self.name}: no more frames after {index}; tried {len(PAUSES)} times to reconnect")
        elif not index:
            self.problems.append(f"{self.path}: no frame of this video could be read")
        elif index < self._count:
            self.problems.append(
                f"{self.name}: cut or damaged: {index} of {self._count} frames could be read; these were searched"
            )

    def close(self) -> None:
        """Release the camera or file."""
        self._capture.release()

    def _prepare(self) -> None:
        if self.live:
            # A deep buffer shows the past when the model is slower than the camera.
            self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)

    def _read(self) -> NDArray[np.uint8] | None:
        """Return the next frame in OpenCV's channel order; None at the end, or when a stream stays away."""
        ok, image = self._capture.read()
        if ok or not self.live:
            return np.asarray(image, np.uint8) if ok else None
        for pause in PAUSES:
            self._capture.release()
            time.sleep(pause)
            self._capture = _open_capture(self._address)
            self._prepare()
            ok, image = self._capture.read()
            if ok:
                self.reconnections += 1
                return np.asarray(image, np.uint8)
        return None

    def _time(self, index: int, before: float) -> float:
        """Return the seconds at which the frame just read is shown; files of varying rate say so themselves."""
        said = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        return said if np.isfinite(said) and said > before and (index == 0 or said > 0) else index / self.fps


def is_address(text: str) -> bool:
    """Return whether a text is the address of a network stream."""
    return _URL.match(text) is not None


def without_password(address: str) -> str:
    """Return a stream's address with ``user:password@`` and ``&password=...`` hidden, for messages and file names."""
    # Up to the last @ before the path: a password may hold one.
    return _SECRET.sub(r"\1***", re.sub(r"//[^/]*@", "//***@", address))


def _open_capture(address: str | int) -> cv2.VideoCapture:
    silence_video()
    if isinstance(address, str) and is_address(address):
        limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, _TIMEOUT_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, _TIMEOUT_MS]
        return cv2.VideoCapture(address, cv2.CAP_FFMPEG, limits)
    if isinstance(address, str):
        try:
            address.encode("utf-8")
        except UnicodeEncodeError:
            # OpenCV does not survive such a name.
            raise UserError(f"{address}: rename the video: its name is not UTF-8, which OpenCV needs") from None
    return cv2.VideoCapture(address)

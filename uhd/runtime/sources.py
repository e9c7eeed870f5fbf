"""Frames from wherever they come: image, folder, glob, video file, camera, network stream."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from uhd.errors import UserError
from uhd.read import UnreadableImage, is_image_name, read_image

Image = NDArray[np.uint8]
_URL = re.compile(r"^(rtsp|rtsps|rtmp|http|https|udp|tcp)://", re.IGNORECASE)
_TIMEOUT_MS = 10_000


@dataclass(frozen=True, eq=False)
class Frame:
    """One image of a source.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        name: file name, or ``<video>_000012`` for a frame.
        index: position in the source.
    """

    image: Image
    name: str
    index: int


@dataclass(eq=False)
class ImageSource:
    """Image files, in sorted order; unreadable ones are left out and listed in ``problems``."""

    paths: list[Path]
    problems: list[str] = field(default_factory=list)
    live: bool = field(default=False, init=False)

    def __len__(self) -> int:
        return len(self.paths)

    def __iter__(self) -> Iterator[Frame]:
        for index, path in enumerate(self.paths):
            try:
                image = read_image(path)
            except UnreadableImage as error:
                if len(self.paths) == 1:
                    raise UserError(str(error)) from None
                self.problems.append(str(error))
                continue
            yield Frame(image, path.name, index)


class VideoSource:
    """A video file, a camera or a network stream.

    Attributes:
        name: for people; without the password of an address.
        live: a camera or stream, which does not end by itself.
        fps: frames per second, 30 when the source does not say.
        problems: what went wrong while reading.
    """

    def __init__(self, address: str | int, name: str, live: bool) -> None:
        self.name, self.live, self.problems = name, live, list[str]()
        self._capture = _open_capture(address)
        if not self._capture.isOpened():
            if live:
                raise UserError(f"{name}: cannot be opened; check the address and that no other program uses it")
            raise UserError(f"{name}: not a video or an image that can be read")
        if live:
            # A deep buffer shows the past when the model is slower than the camera.
            self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        fps = self._capture.get(cv2.CAP_PROP_FPS)
        self.fps = fps if np.isfinite(fps) and 1 <= fps <= 1000 else 30.0
        count = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self._count = int(count) if not live and np.isfinite(count) and count > 0 else 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Frame]:
        index = 0
        stem = Path(self.name).stem or "frame"
        try:
            while True:
                ok, image = self._capture.read()
                if not ok:
                    break
                rgb = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)
                yield Frame(rgb, f"{stem}_{index:06d}", index)
                index += 1
        finally:
            self.close()
        if self.live:
            self.problems.append(f"{self.name}: no more frames after {index}")
        elif index < self._count:
            self.problems.append(f"{self.name}: {index} of {self._count} frames could be read")

    def close(self) -> None:
        """Release the camera or file."""
        self._capture.release()


def open_source(source: str | int | Path) -> ImageSource | VideoSource:
    """Open what a user named.

    Args:
        source: image file, folder of images, glob pattern, video file, camera index or stream address.

    Raises:
        UserError: nothing there, or it cannot be opened.
    """
    if isinstance(source, int) or (str(source).isdecimal() and not Path(source).exists()):
        return VideoSource(int(str(source)), f"camera {source}", live=True)
    text = str(source)
    if _URL.match(text):
        return VideoSource(text, without_password(text), live=True)
    path = Path(text)
    if path.is_dir():
        found = sorted(entry for entry in path.iterdir() if is_image_name(entry.name) and entry.is_file())
        if not found:
            raise UserError(f"{path}: no images in this folder (its subfolders: {path}/**/*)")
        return ImageSource(found)
    if not path.exists() and glob.has_magic(text):
        found = sorted(Path(name) for name in glob.glob(text, recursive=True) if is_image_name(name))  # noqa: PTH207
        if not found:
            raise UserError(f"{text}: no image matches")
        return ImageSource(found)
    if not path.exists():
        raise UserError(f"{path}: there is no such file, folder or camera")
    return ImageSource([path]) if is_image_name(path.name) else VideoSource(text, path.name, live=False)


def without_password(address: str) -> str:
    """Return a stream's address with ``user:password@`` hidden, for messages and file names."""
    return re.sub(r"//[^/@]*@", "//***@", address)


def _open_capture(address: str | int) -> cv2.VideoCapture:
    if isinstance(address, str) and _URL.match(address):
        limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, _TIMEOUT_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, _TIMEOUT_MS]
        return cv2.VideoCapture(address, cv2.CAP_FFMPEG, limits)
    return cv2.VideoCapture(address)

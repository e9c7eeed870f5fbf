"""Where live frames are shown: a window, a browser on this machine, a recording, or several of them."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from uhd.errors import UserError
from uhd.runtime.recorder import VideoRecorder
from uhd.runtime.stream import MjpegServer

WAIT = 60.0  # seconds for the first viewer of a film


class _Sink(Protocol):
    def write(self, image: NDArray[np.uint8], told: str, seconds: float | None) -> None: ...
    def close(self) -> None: ...


class _Window:
    name = "uhd (q quits)"

    def __init__(self) -> None:
        self.wants_quit = False

    def write(self, image: NDArray[np.uint8], told: str, seconds: float | None) -> None:  # noqa: ARG002
        cv2.imshow(self.name, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        self.wants_quit = cv2.waitKey(1) & 0xFF in (ord("q"), 27)

    def close(self) -> None:
        cv2.destroyAllWindows()


class _Browser:
    """Shows the newest frame to whoever looks; a film at its own rate.

    Args:
        port: of the server.
        title: of the page.
        fps: rate of a film, 0 for what is live.
    """

    def __init__(self, port: int, title: str, fps: float) -> None:
        self.server = MjpegServer(port, title)
        self._pause, self._due = 1 / fps if fps else 0.0, 0.0

    def write(self, image: NDArray[np.uint8], told: str, seconds: float | None) -> None:  # noqa: ARG002
        now = time.monotonic()
        # A network that is slower than the film delays it; what is late is not caught up with.
        self._due = max(self._due, now)
        time.sleep(self._due - now)
        self._due += self._pause
        self.server.show(image, told)

    def close(self) -> None:
        self.server.close()


class _Recording:
    def __init__(self, recorder: VideoRecorder) -> None:
        self.recorder = recorder

    def write(self, image: NDArray[np.uint8], told: str, seconds: float | None) -> None:  # noqa: ARG002
        self.recorder.write(image, seconds)

    def close(self) -> None:
        self.recorder.close()


class View:
    """Shows frames until it is closed.

    Attributes:
        description: one line for the user: where to look.
        wants_quit: the user pressed q in the window.
    """

    def __init__(self, sinks: list[_Sink], description: str) -> None:
        self._sinks, self.description = sinks, description

    @property
    def wants_quit(self) -> bool:
        """Whether the user pressed q in the window."""
        return any(isinstance(sink, _Window) and sink.wants_quit for sink in self._sinks)

    @property
    def remark(self) -> str:
        """What the user should know about the recording, or ``""``."""
        return next((sink.recorder.remark for sink in self._sinks if isinstance(sink, _Recording)), "")

    def wait_for_viewer(self, timeout: float = WAIT) -> bool:
        """Wait until somebody watches in a browser; True at once where frames are shown elsewhere.

        Args:
            timeout: seconds after which it returns False.
        """
        servers = [sink.server for sink in self._sinks if isinstance(sink, _Browser)]
        return all(server.wait_for_viewer(timeout) for server in servers)

    def write(self, image: NDArray[np.uint8], told: str = "", seconds: float | None = None) -> None:
        """Show an RGB frame (H, W, 3).

        Args:
            image: the frame.
            told: stands under it in the browser.
            seconds: since the start, of what is live; see :meth:`VideoRecorder.write`.
        """
        for sink in self._sinks:
            sink.write(image, told, seconds)

    def close(self) -> None:
        """Close the window and the server, finish the recording."""
        for sink in self._sinks:
            sink.close()

    def __enter__(self) -> View:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def has_window() -> bool:
    """Return whether OpenCV can open a window here: it was built with one, and there is a display."""
    if "GUI:                           NONE" in cv2.getBuildInformation():
        return False
    headless = sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    return not headless


def open_view(
    live: bool,
    fps: float,
    record: Path | None = None,
    port: int | None = None,
    overwrite: bool = False,
    title: str = "live view",
) -> View:
    """Decide how frames are shown.

    A window where there is one. Without, a camera is served to the browser and a video file needs ``record``.

    Args:
        live: a camera or stream rather than a file.
        fps: of the source, for the recording.
        record: file to record to.
        port: serve to the browser on this port of localhost; 0 takes a free one.
        overwrite: replace an existing recording.
        title: of the page in the browser.

    Raises:
        UserError: there is no way to show a video file, the recording exists, or the port is taken.
    """
    window = has_window() and port is None
    if not window and port is None and record is None:
        if not live:
            raise UserError("no window on this machine: give --record FILE.mp4, or --serve to watch in a browser")
        port = 0
    sinks: list[_Sink] = []
    said: list[str] = []
    if record is not None:
        sinks.append(_Recording(VideoRecorder(record, fps, overwrite)))
        said.append(f"recording to {record}")
    if port is not None:
        browser = _Browser(port, title, 0.0 if live else fps)
        sinks.append(browser)
        said.append(f"{'' if has_window() else 'no window on this machine: '}watch at {browser.server.address}")
    if window:
        sinks.append(_Window())
        said.append("press q in the window to quit")
    return View(sinks, "; ".join(said))

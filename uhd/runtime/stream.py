"""Show frames in a browser on this machine, where there is no window: Motion JPEG over HTTP on localhost."""

from __future__ import annotations

import html
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from uhd.errors import UserError

_HOST = "127.0.0.1"
_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title} - UHD</title>
<style>body{{margin:0;background:#202020;color:#f2f2f2;font:16px/1.5 system-ui,sans-serif;text-align:center}}
img{{display:block;margin:auto;max-width:100vw;max-height:calc(100vh - 2.5rem);min-height:50vh;object-fit:contain;
image-rendering:pixelated}}p{{margin:.5rem}}</style>
<img src="/stream.mjpg" alt="{title}"><p>{title}: <span id="told" role="status">waiting for the first frame</span></p>
<script>const told = document.getElementById("told");
setInterval(() => fetch("/told").then((answer) => answer.text())
.then((text) => {{ if (text) told.textContent = text; }})
.catch(() => {{ told.textContent = "the source has ended"; }}), 500);</script></html>"""


class MjpegServer:
    """Serves the newest frame to any number of viewers; a slow viewer misses frames and slows nobody.

    Only this machine can connect: it listens on 127.0.0.1, and requests for another host name are refused, so that a
    web page cannot reach the camera by pointing its own name here.

    Args:
        port: 0 takes a free one.
        title: of the page.

    Raises:
        UserError: the port is taken.
    """

    def __init__(self, port: int = 0, title: str = "live view") -> None:
        self._frame, self._count, self._open = b"", 0, True
        self.told, self._viewers = "", 0
        self.page = _PAGE.format(title=html.escape(title)).encode("utf-8", "backslashreplace")
        self._news = threading.Condition()
        handler = type("Handler", (_Handler,), {"frames": self})
        try:
            self._server = ThreadingHTTPServer((_HOST, port), handler)
        except (OSError, OverflowError) as error:
            raise UserError(f"port {port}: cannot be served ({error}); choose another") from None
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self.address = f"http://{_HOST}:{self.port}/"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)
        self._thread.start()

    def show(self, image: NDArray[np.uint8], told: str = "") -> None:
        """Make an RGB frame (H, W, 3) the newest; ``told`` stands under it."""
        ok, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 85])
        if not ok:
            raise ValueError(f"frame of shape {image.shape} cannot be encoded")
        with self._news:
            self._frame, self._count, self.told = data.tobytes(), self._count + 1, told
            self._news.notify_all()

    def wait_for_viewer(self, timeout: float) -> bool:
        """Wait until somebody opens the stream; returns False when nobody does so in ``timeout`` seconds."""
        with self._news:
            return self._news.wait_for(lambda: self._viewers > 0, timeout)

    def welcome(self) -> None:
        """Count somebody who has opened the stream."""
        with self._news:
            self._viewers += 1
            self._news.notify_all()

    def wait(self, seen: int, timeout: float = 1.0) -> tuple[bytes, int] | None:
        """Return the newest frame and its number once it is newer than ``seen``; None after the server was closed."""
        with self._news:
            while self._open and self._count <= seen:
                self._news.wait(timeout)
            return (self._frame, self._count) if self._open else None

    def close(self) -> None:
        """Stop serving."""
        with self._news:
            self._open = False
            self._news.notify_all()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    frames: MjpegServer
    protocol_version = "HTTP/1.0"

    def do_GET(self) -> None:
        """Answer the page or the stream."""
        host = (self.headers.get("Host") or "").rpartition(":")[0] or (self.headers.get("Host") or "")
        if host not in (_HOST, "localhost"):
            self.send_error(HTTPStatus.FORBIDDEN)
        elif self.path == "/":
            self._send("text/html; charset=utf-8", self.frames.page)
        elif self.path == "/told":
            self._send("text/plain; charset=utf-8", self.frames.told.encode("utf-8"))
        elif self.path == "/stream.mjpg":
            self._stream()
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def _send(self, kind: str, content: bytes) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(content)

    def _stream(self) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.frames.welcome()
        seen = 0
        try:
            while (news := self.frames.wait(seen)) is not None:
                data, seen = news
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
                self.wfile.write(head.encode() + data + b"\r\n")
        except (BrokenPipeError, ConnectionResetError):
            return  # the viewer closed the page

    def log_message(self, format: str, *args: Any) -> None:
        """Stay silent: every frame would be a line."""

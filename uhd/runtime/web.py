"""Serve the page that runs a detector in the browser, to this computer only."""

from __future__ import annotations

import functools
import sys
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from uhd.errors import UserError

PAGE = Path(__file__).resolve().parent.parent / "web"
NEEDED = ("index.html", "model.wasm", "model.bin")


class PageHandler(SimpleHTTPRequestHandler):
    """Files of one folder with the types that browsers insist on."""

    protocol_version = "HTTP/1.1"
    # The system's table of types may lack these or say something else.
    extensions_map = {  # noqa: RUF012  the base class declares it so
        **SimpleHTTPRequestHandler.extensions_map,
        ".js": "text/javascript",
        ".wasm": "application/wasm",
        ".bin": "application/octet-stream",
        ".svg": "image/svg+xml",
        ".webmanifest": "application/manifest+json",
    }

    def end_headers(self) -> None:
        """Add headers that isolate the page; isolated pages get finer clocks."""
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def list_directory(self, path: Any) -> None:  # noqa: ARG002
        """Show no listings."""
        self.send_error(404)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the terminal quiet."""


class PageServer(ThreadingHTTPServer):
    """Serves a page; a browser that leaves in the middle of an answer is no error."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report what went wrong, unless it is the other side that left."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def page_server(folder: Path, port: int = 0) -> PageServer:
    """Return a server of a page on 127.0.0.1; ``serve_forever`` runs it.

    Args:
        folder: the page in the package, or one that ``uhd export --format web`` wrote.
        port: 0 takes a free one.

    Raises:
        UserError: not the folder of a page, or the port is taken.
    """
    missing = next((name for name in NEEDED if not (folder / name).is_file()), None)
    if missing is not None:
        raise UserError(f"{folder}: holds no {missing}; write the page with uhd export --format web")
    handler = functools.partial(PageHandler, directory=str(folder))
    try:
        return PageServer(("127.0.0.1", port), handler)
    except OSError as error:
        raise UserError(f"port {port} cannot be used ({error.strerror}); give another one with --port") from None

"""``uhd web``: the detector in the browser, served to this computer only."""

from __future__ import annotations

import contextlib
import webbrowser
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from uhd.cli.flags import Flags
from uhd.config import knob, same_knob
from uhd.config.groups import ModelFile
from uhd.errors import UserError


@dataclass(frozen=True)
class WebConfig:
    """What is served, and where."""

    port: int = knob(8064, "port on 127.0.0.1; 0 takes a free one", minimum=0, maximum=65535)
    open: bool = knob(True, "open the page in the browser")
    model: Path | None = same_knob(
        ModelFile, "model", None, help="folder written by uhd export --format web (default: the page in the package)"
    )


def main(argv: Sequence[str]) -> int:
    """Serve the page until Ctrl-C; returns the exit code."""
    flags = Flags("uhd web", "Run the detector in the browser; nothing leaves this computer.", (WebConfig,))
    config = flags.resolve(argv)[WebConfig]

    from uhd.runtime.web import PAGE, page_server

    folder = config.model or PAGE
    if folder.is_file():
        raise UserError(f"{folder}: compile it first: uhd export --format web {folder}, then give the folder it writes")
    with page_server(folder, config.port) as server:
        address = f"http://127.0.0.1:{server.server_address[1]}/"
        print(f"{address}  (Ctrl-C ends it)", flush=True)
        if config.open:
            webbrowser.open(address)
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()
    return 0

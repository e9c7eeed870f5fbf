"""Reach esp-ppq: say how to get it when it is missing, and keep its chatter in a log file."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import re
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

from uhd.errors import UserError, install_hint

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def require_esp_ppq(what: str = "ESP-DL") -> None:
    """Raise UserError, with the command that mends it, unless esp-ppq is installed."""
    if importlib.util.find_spec("esp_ppq") is None:
        limit = " (esp-ppq needs Python 3.12 or older)" if sys.version_info >= (3, 13) else ""
        raise UserError(f"{what} needs esp-ppq: {install_hint('espdl')}{limit}")


class _Sink(io.TextIOBase):
    """Where chatter goes. esp-ppq's loggers keep the stream they were created with, so there is one for all."""

    target: io.TextIOBase | None = None

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if self.target is not None:
            self.target.write(_COLOUR.sub("", text).replace("\r", "\n"))
        return len(text)


_SINK = _Sink()


@contextlib.contextmanager
def chatter_to(log: Path | None) -> Iterator[None]:
    """Append what is printed or warned inside to a file; None drops it."""
    with contextlib.ExitStack() as stack:
        before = _SINK.target
        if log is not None:
            _SINK.target = stack.enter_context(log.open("a", encoding="utf-8"))
        stack.enter_context(contextlib.redirect_stdout(_SINK))
        stack.enter_context(contextlib.redirect_stderr(_SINK))
        stack.enter_context(warnings.catch_warnings())
        try:
            yield
        finally:
            _SINK.target = before

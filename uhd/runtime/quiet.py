"""Keep the chatter of C++ libraries off the terminal."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Drop what is printed or warned inside, also by C++ code that writes to the file descriptors itself.

    The descriptors belong to the whole process, so what other threads print meanwhile is dropped too. Several threads
    may be inside at once: the first one in silences the process, the last one out lets it speak again.
    """
    _silence.enter()
    try:
        yield
    finally:
        _silence.leave()


class _Silence:
    """How many are inside, and what the last one puts back."""

    def __init__(self) -> None:
        self.lock, self.depth, self.undo = threading.Lock(), 0, contextlib.ExitStack()

    def enter(self) -> None:
        with self.lock:
            if self.depth == 0:
                self.undo = _redirected()
            self.depth += 1

    def leave(self) -> None:
        with self.lock:
            self.depth -= 1
            if self.depth == 0:
                self.undo.close()


def _redirected() -> contextlib.ExitStack:
    """Send descriptors, streams and warnings into nothing; closing what is returned undoes it."""
    sys.stdout.flush()
    sys.stderr.flush()
    with contextlib.ExitStack() as stack:
        sink = stack.enter_context(tempfile.TemporaryFile())
        for descriptor in (1, 2):
            kept = os.dup(descriptor)
            stack.callback(os.close, kept)
            stack.callback(os.dup2, kept, descriptor)
            os.dup2(sink.fileno(), descriptor)
        silent = stack.enter_context(open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123
        stack.enter_context(contextlib.redirect_stdout(silent))
        stack.enter_context(contextlib.redirect_stderr(silent))
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        return stack.pop_all()


_silence = _Silence()

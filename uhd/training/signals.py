"""Ctrl-C and SIGTERM ask a run to stop after its step."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stop_signals(request: Callable[[], None]) -> Iterator[None]:
    """Call ``request`` at the first Ctrl-C or SIGTERM, raise KeyboardInterrupt at the second.

    Python gives signals to the main thread only: a run in another thread is stopped by ``Trainer.request_stop``.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    asked = False

    def handle(_signal: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        request()

    previous = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)

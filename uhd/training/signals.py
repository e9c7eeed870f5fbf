"""Ctrl-C, SIGTERM and the end of a terminal ask a run to stop after its step."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stop_signals(request: Callable[[], None]) -> Iterator[None]:
    """Call ``request`` at the first Ctrl-C, SIGTERM or SIGHUP, raise KeyboardInterrupt at the second.

    A terminal that is closed sends SIGHUP; under ``nohup``, which ignores it, the run goes on.
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

    previous = {number: signal.signal(number, handle) for number in stopping_signals()}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def stopping_signals() -> list[signal.Signals]:
    """Return the signals that ask this process to stop: SIGHUP only where nobody has it ignored."""
    asked = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        asked.append(signal.SIGHUP)
    return asked

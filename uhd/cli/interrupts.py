"""A request to stop, from Ctrl-C, ``docker stop`` or a closed terminal, ends a command in the same orderly way."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

from uhd.training.signals import stopping_signals


@contextlib.contextmanager
def orderly_stop() -> Iterator[Callable[[], None]]:
    """Turn SIGTERM and SIGHUP into KeyboardInterrupt inside: recordings are finished, temporary files removed.

    Outside the main thread, where Python allows no handlers, nothing changes.

    Yields:
        raises KeyboardInterrupt again where one was asked for and a library swallowed it.
    """
    asked: list[int] = []

    def interrupt(number: int, _frame: Any) -> None:
        asked.append(number)
        raise KeyboardInterrupt

    def go_on() -> None:
        if asked:
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield go_on
        return
    before = {number: signal.signal(number, interrupt) for number in stopping_signals()}
    try:
        yield go_on
    except Exception:
        # A library made an error of its own of the interruption.
        go_on()
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

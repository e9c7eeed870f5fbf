"""A stop that was asked for stays one, whatever a library makes of it."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from uhd.cli.interrupts import orderly_stop

STOPS = [signal.SIGTERM, signal.SIGINT, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]


@pytest.fixture
def terminal() -> Iterator[None]:
    """A process that ends with its terminal, as most do; under nohup it would not."""
    if not hasattr(signal, "SIGHUP"):
        yield
        return
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("terminal")
def test_any_command_ends_in_the_same_way() -> None:
    from uhd.cli import guarded

    for number in STOPS:
        assert guarded(lambda number=number: signal.raise_signal(number) or 0) == 130  # type: ignore[misc]


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize("number", STOPS)
def test_an_error_that_a_library_makes_of_an_interruption_is_one(number: signal.Signals) -> None:
    def library() -> None:
        try:
            signal.raise_signal(number)
        except KeyboardInterrupt:
            raise ValueError("a library's own") from None

    with pytest.raises(KeyboardInterrupt), orderly_stop():
        library()


def test_other_errors_pass() -> None:
    with pytest.raises(ValueError, match="its own"), orderly_stop():
        raise ValueError("its own")

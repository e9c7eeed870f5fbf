from __future__ import annotations

import os
import threading

import pytest

from uhd.runtime.quiet import quietly


def test_two_threads_that_overlap_leave_the_terminal_as_it_was(capfd: pytest.CaptureFixture[str]) -> None:
    first_in, second_in, first_out = threading.Event(), threading.Event(), threading.Event()

    def first() -> None:
        with quietly():
            first_in.set()
            assert second_in.wait(10)
        first_out.set()

    def second() -> None:
        assert first_in.wait(10)
        with quietly():
            second_in.set()
            assert first_out.wait(10)
            os.write(1, b"chatter")

    threads = [threading.Thread(target=each) for each in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    os.write(1, b"still here")
    assert capfd.readouterr().out == "still here"


def test_an_error_inside_gives_the_terminal_back(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="inside"), quietly():
        raise ValueError("inside")
    os.write(1, b"back")
    assert capfd.readouterr().out == "back"

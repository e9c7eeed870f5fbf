"""How far a long walk through files is: a bar on a terminal, a line now and then where there is none."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")


def watched(items: Sequence[T], unit: str, seconds: float = 30.0) -> Iterator[T]:
    """Yield the items and tell on standard error how far they are.

    Args:
        items: whatever is walked through.
        unit: one of them, in the singular.
        seconds: between two lines, where standard error is a file or a pipe.
    """
    if sys.stderr.isatty():
        yield from tqdm(items, unit=unit)
        return
    began = told = time.monotonic()
    for count, item in enumerate(items):
        now = time.monotonic()
        if now - told >= seconds:
            told, rate = now, count / (now - began)
            left = f", {(len(items) - count) / rate / 60:.0f} min left" if count else ""
            tqdm.write(f"{unit} {count} of {len(items)}, {rate:.1f} a second{left}", file=sys.stderr)
        yield item

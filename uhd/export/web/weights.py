"""Take the constants out of C source: the compiled file holds only code, the weights travel as half floats."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
_TABLE = re.compile(r"static const float (\w+)\[(\d+)\] = \{\n(.*?)\n\};\n", re.DOTALL)
_SMALLEST = 64  # values; shorter tables stay in the source


def take_out(source: str) -> tuple[str, list[Array]]:
    """Return C source whose long tables of floats are places in one array ``weights``, and the tables (N,) in order."""
    tables: list[Array] = []
    start = 0

    def replace(match: re.Match[str]) -> str:
        nonlocal start
        name, count = match[1], int(match[2])
        if count < _SMALLEST:
            return match[0]
        values = np.array(
            [float(text.rstrip("f")) for text in match[3].replace("\n", "").split(",") if text], np.float32
        )
        if len(values) != count:
            raise RuntimeError(f"the table {name} has {len(values)} values, not {count}")
        tables.append(values)
        # Blocks of 16 floats stay aligned.
        at, start = start, start + -(-count // 16) * 16
        return f"#define {name} (weights + {at})\n"

    body = _TABLE.sub(replace, source)
    declaration = f"\nstatic float weights[{max(start, 1)}]; /* filled from outside */\n"
    place = body.index("#include <string.h>\n") + len("#include <string.h>\n")
    return body[:place] + declaration + body[place:], tables


def half_floats(tables: list[Array]) -> tuple[bytes, float]:
    """Return the content of ``weights`` as half floats, little end first, and the largest relative change.

    The tables are (N,); a change is relative to the largest value of its table.
    """
    padded, worst = [], 0.0
    for values in tables:
        half = np.zeros(-(-len(values) // 16) * 16, "<f2")
        with np.errstate(over="ignore"):  # found below
            half[: len(values)] = values
        change = np.abs(half[: len(values)].astype(np.float32) - values).max()
        worst = max(worst, float(change / max(np.abs(values).max(), 1e-30)))
        padded.append(half)
    data = np.concatenate(padded) if padded else np.zeros(16, "<f2")
    if not np.isfinite(data).all():
        raise RuntimeError("a weight is too large for a half float")
    return data.tobytes(), worst

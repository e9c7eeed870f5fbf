"""Which of several measured models to take: those that no other beats in both latency and accuracy."""

from __future__ import annotations

from collections.abc import Sequence

from uhd.evaluation.compare import Row

CLOSE = 0.01  # of AP


def milliseconds(row: Row) -> float:
    """Return the median time of a frame, prepared, searched and selected, in milliseconds."""
    return float(row.pre["p50"] + row.model["p50"] + row.post["p50"])


def advise(rows: Sequence[Row]) -> list[str]:
    """Return lines that rank measured models: the fastest first, what each costs in AP, and what is never worth it.

    Nothing is estimated: a model that was not measured is not spoken of.
    """
    if not rows:
        return []
    best = max(rows, key=lambda row: row.ap)
    ranked = sorted(rows, key=lambda row: (milliseconds(row), -row.ap))
    lines, reached = [], float("-inf")
    for row in ranked:
        time, loss = milliseconds(row), best.ap - row.ap
        if row.ap <= reached:
            faster = next(each for each in ranked if each.ap >= row.ap and each is not row)
            lines.append(f"{row.name}: no reason, {faster.name} is as accurate and not slower")
            continue
        reached = row.ap
        cost = f"AP {row.ap:.4f}, the best" if row is best else f"AP {row.ap:.4f}, {loss:.4f} under the best"
        lines.append(f"{row.name}: {time:.3f} ms a frame, {cost}")
    close = next(row for row in ranked if best.ap - row.ap <= CLOSE)
    if close is not best:
        gain = milliseconds(best) / max(milliseconds(close), 1e-9)
        lines.append(f"take {close.name}: within {CLOSE} AP of the best and {gain:.2f} times as fast")
    else:
        lines.append(f"take {close.name}: none of the faster ones comes within {CLOSE} AP")
    return lines

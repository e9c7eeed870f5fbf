"""The cheapest one-to-one assignment of rows to columns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def assign(cost: NDArray[np.float64], limit: float = np.inf) -> NDArray[np.int64]:
    """Return the pairs (K, 2) of row and column with the least total cost, rows ascending.

    Shortest augmenting paths, O(n^3) with vectorised inner steps (Jonker and Volgenant 1987). Leaving a row and a
    column alone costs ``limit``, so a pair is never worse than that.

    Args:
        cost: (R, C), finite or ``inf`` for a pair that may not be.
        limit: greatest cost of one pair.
    """
    rows, columns = cost.shape
    if rows == 0 or columns == 0:
        return np.zeros((0, 2), np.int64)
    if rows > columns:
        pairs = assign(cost.T, limit)[:, ::-1]
        return pairs[np.argsort(pairs[:, 0], kind="stable")]
    allowed = np.isfinite(cost) & (cost <= limit)
    # An own dummy column for every row is its way to stay alone.
    largest = float(cost[allowed].max(initial=0.0))
    alone = limit if np.isfinite(limit) else 2 * rows * (largest + 1)
    padded = np.concatenate([np.where(allowed, cost, np.inf), np.full((rows, rows), np.inf)], axis=1)
    padded[np.arange(rows), columns + np.arange(rows)] = alone
    owner = np.full(columns + rows, -1)
    row_price, column_price = np.zeros(rows), np.zeros(columns + rows)
    for start in range(rows):
        shortest = np.full(columns + rows, np.inf)
        before = np.full(columns + rows, -1)
        done = np.zeros(columns + rows, bool)
        row, length, reached = start, 0.0, [start]
        while True:
            step = length + padded[row] - row_price[row] - column_price
            better = ~done & (step < shortest)
            shortest[better], before[better] = step[better], row
            column = int(np.argmin(np.where(done, np.inf, shortest)))
            length = float(shortest[column])
            done[column] = True
            if owner[column] < 0:
                break
            row = int(owner[column])
            reached.append(row)
        # Prices stay below every cost, which is what makes the next shortest path the cheapest one.
        row_price[start] += length
        held = done & (owner >= 0)
        row_price[owner[held]] += length - shortest[held]
        column_price[held] += shortest[held] - length
        while column >= 0:
            row = int(before[column])
            previous = np.flatnonzero(owner == row)
            owner[column] = row
            column = int(previous[0]) if row != start else -1
            if column >= 0:
                owner[column] = -1
    found = [(int(owner[c]), c) for c in range(columns) if owner[c] >= 0]
    return np.array(sorted(found), np.int64).reshape(-1, 2)

"""The cheapest one-to-one assignment of rows to columns."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

# Up to so many rows or columns OpenCV's compiled search is faster than chains in Python.
_LARGEST_TRANSPORT = 50
_SINGLE = 1e30  # OpenCV reads costs in single precision
_TONS = np.ones((_LARGEST_TRANSPORT + 1, 1), np.float32)
Solve = Callable[[NDArray[np.float64], float], NDArray[np.int64]]


def assign(cost: NDArray[np.float64], limit: float = np.inf) -> NDArray[np.int64]:
    """Return the pairs (K, 2) of row and column with the least total cost, rows ascending.

    As :func:`assign_exactly`; but where many rows want what others have, OpenCV moves a ton from every row to a column
    (the transportation problem, Rubner et al. 2000, https://doi.org/10.1023/A:1026543900054), which compares costs in
    single precision: a total may be dearer than the least by a hundred thousandth of the dearest pair.

    Args:
        cost: (R, C), 0 or more, or ``inf`` for a pair that may not be.
        limit: greatest cost of one pair.
    """
    return _lying(_assign, cost, limit)


def assign_exactly(cost: NDArray[np.float64], limit: float = np.inf) -> NDArray[np.int64]:
    """Return the pairs (K, 2) of row and column with the least total cost in double precision, rows ascending.

    Every row takes its first choice; where no two chose the same column, that is the answer. Each other row is added by
    the shortest augmenting path over the pairs that may be (Jonker and Volgenant 1987,
    https://doi.org/10.1007/BF02278710), which never leaves the rows and columns that are connected with it. It is plain
    Python: of the rows of a frame few are connected, for which an array costs more than it saves. Leaving a row and a
    column alone costs ``limit``, so a pair is never worse than that. Arguments as those of :func:`assign`.
    """
    return _lying(_assign_exactly, cost, limit)


def _lying(solve: Solve, cost: NDArray[np.float64], limit: float) -> NDArray[np.int64]:
    """Return what is solved of a table with at most as many rows as columns; others are transposed for it."""
    rows, columns = cost.shape
    if rows == 0 or columns == 0:
        return np.zeros((0, 2), np.int64)
    if rows <= columns:
        return solve(cost, limit)
    pairs = solve(cost.T, limit)
    return pairs[pairs[:, 1].argsort(kind="stable"), ::-1]


def _assign(cost: NDArray[np.float64], limit: float) -> NDArray[np.int64]:
    rows, columns = cost.shape
    first = cost.argmin(1).tolist()
    small = columns <= _LARGEST_TRANSPORT and limit > 0
    if limit > _SINGLE and small and len(set(first)) < rows - 1 and cost.max() <= _SINGLE:
        return _transported(cost)
    owner, late = _first_choices(cost, first, limit)
    if len(late) > max(1, rows // 4) and small and limit <= _SINGLE:
        return _transported_within(cost, limit)
    return _chained(cost, limit, owner, late)


def _assign_exactly(cost: NDArray[np.float64], limit: float) -> NDArray[np.int64]:
    return _chained(cost, limit, *_first_choices(cost, cost.argmin(1).tolist(), limit))


def _first_choices(cost: NDArray[np.float64], first: list[int], limit: float) -> tuple[dict[int, int], list[int]]:
    """Return rows by the column that is their first choice, and the rows that came too late for theirs."""
    most = min(limit, sys.float_info.max)
    owner: dict[int, int] = {}
    late = []
    for row, (column, least) in enumerate(zip(first, cost.min(1).tolist(), strict=True)):
        if least <= most and owner.setdefault(column, row) != row:
            late.append(row)
    return owner, late


def _chained(cost: NDArray[np.float64], limit: float, owner: dict[int, int], late: list[int]) -> NDArray[np.int64]:
    """Return the cheapest pairs once the late rows, too, have found a column or none."""
    if late:
        most = min(limit, sys.float_info.max)
        # Without a limit as many pairs as can be are made.
        alone = limit if limit <= most else 2 * len(cost) * (float(cost[cost <= most].max()) + 1)
        matching = _Matching(cost.tolist(), most, alone, owner)
        for row in late:
            matching.add(row)
    return np.array(sorted((row, column) for column, row in owner.items()), np.int64).reshape(-1, 2)


def _transported(cost: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the cheapest pairs (R, 2) for at most as many rows (R) as columns, all of which may be, by OpenCV."""
    rows, columns = cost.shape
    supply = _TONS[:rows]
    if columns > rows:  # one more row fills the columns that no row wants
        cost = np.concatenate([cost, np.zeros((1, columns))])
        supply = np.append(supply, np.float32(columns - rows))[:, None]
    flow = cv2.EMD(supply, _TONS[:columns], cv2.DIST_USER, cost.astype(np.float32))[2]
    return _pairs_of(flow[:rows])


def _transported_within(cost: NDArray[np.float64], limit: float) -> NDArray[np.int64]:
    """Return the cheapest pairs (K, 2) that are within a limit, which a row and a column cost that stay alone."""
    rows, columns = cost.shape
    table = np.zeros((rows + 1, columns + 1), np.float32)
    # A ton through a pair that may not be costs more than two that stay where they are.
    table[:rows, :columns] = np.where(cost <= limit, cost, 4 * limit)
    table[:rows, columns] = limit
    supply, demand = _TONS[: rows + 1].copy(), _TONS[: columns + 1].copy()
    supply[rows], demand[columns] = columns, rows
    return _pairs_of(cv2.EMD(supply, demand, cv2.DIST_USER, table)[2][:rows, :columns])


def _pairs_of(flow: NDArray[Any]) -> NDArray[np.int64]:
    return np.array(flow.nonzero()).T


class _Matching:
    """The cheapest pairs of some rows, to which row after row is added.

    Args:
        costs: of all rows.
        most: cost of the dearest pair that may be.
        alone: cost of a row that takes no column.
        owner: row by column of rows that each hold their first choice; kept up to date.
    """

    def __init__(self, costs: list[list[float]], most: float, alone: float, owner: dict[int, int]) -> None:
        self.costs, self.most, self.alone, self.owner = costs, most, alone, owner
        self.held = {row: column for column, row in owner.items()}
        self.price = [0.0] * len(costs[0])

    def add(self, start: int) -> None:
        """Find the cheapest chain of rows that each move on to another column, the last to a free one or to none."""
        price, most = self.price, self.most
        before: dict[int, int] = {}
        shortest: dict[int, float] = {}
        done: dict[int, float] = {}
        row, base, least, last = start, 0.0, self.alone, start
        while True:
            for column, cost in enumerate(self.costs[row]):
                if cost <= most and column not in done:
                    length = base + cost - price[column]
                    if column not in shortest or length < shortest[column]:
                        shortest[column], before[column] = length, row
            column = min(shortest, key=shortest.__getitem__, default=-1)
            length = shortest.pop(column, np.inf)
            if least <= length:
                column, length = -1, least
                break
            if column not in self.owner:
                last = before[column]
                break
            done[column] = length
            row = self.owner[column]
            base = length - self.costs[row][column] + price[column]
            if base + self.alone < least:
                least, last = base + self.alone, row
        # Prices stay below every cost, which is what makes the next shortest chain the cheapest one.
        for passed, reached in done.items():
            price[passed] += reached - length
        self._shift(last, column, before)

    def _shift(self, row: int, column: int, before: dict[int, int]) -> None:
        """Let the last row of a chain move on to a column, or to none (-1), and all before it follow."""
        while True:
            left = self.held.pop(row, -1)
            if column >= 0:
                self.held[row], self.owner[column] = column, row
            if left < 0:
                return
            row, column = before[left], left

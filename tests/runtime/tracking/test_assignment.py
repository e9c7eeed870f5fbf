"""The assignment is the cheapest there is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from uhd.runtime.tracking.assignment import assign, assign_exactly


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 2**32 - 1), st.booleans())
def test_equals_scipy(rows: int, columns: int, seed: int, whole: bool) -> None:
    optimize = pytest.importorskip("scipy.optimize", reason="scipy comes with the training extra")
    rng = np.random.default_rng(seed)
    # Whole numbers make many assignments equally cheap.
    cost = rng.integers(0, 4, (rows, columns)).astype(float) if whole else rng.random((rows, columns))
    pairs = assign(cost)
    best = optimize.linear_sum_assignment(cost)
    assert len(pairs) == min(rows, columns)
    assert cost[pairs[:, 0], pairs[:, 1]].sum() == pytest.approx(cost[best].sum())
    for side in (0, 1):
        assert len(set(pairs[:, side].tolist())) == len(pairs)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 70),
    st.integers(1, 70),
    st.integers(0, 2**32 - 1),
    st.booleans(),
    st.floats(0.05, 2.0),
    st.sampled_from([1e-6, 1.0, 1e6, 1e40]),
)
def test_equals_scipy_for_crowds_within_a_limit(
    rows: int, columns: int, seed: int, whole: bool, limit: float, unit: float
) -> None:
    optimize = pytest.importorskip("scipy.optimize", reason="scipy comes with the training extra")
    rng = np.random.default_rng(seed)
    cost = rng.integers(0, 4, (rows, columns)) / 3 if whole else rng.random((rows, columns))
    cost[rng.random((rows, columns)) < 0.2] = np.inf
    pairs = assign(cost * unit, limit * unit)
    # Every row and column may stay with a partner of its own, together at the price of the limit.
    alone = np.zeros((rows + columns, rows + columns))
    alone[:rows, :columns] = np.where(cost <= limit, cost, 9.0)
    alone[:rows, columns:] = limit
    best = alone[optimize.linear_sum_assignment(alone)].sum()
    exact = assign_exactly(cost, limit)
    assert cost[exact[:, 0], exact[:, 1]].sum() + limit * (rows - len(exact)) == pytest.approx(best, abs=1e-12)
    chosen = cost[pairs[:, 0], pairs[:, 1]]
    assert (chosen <= limit).all()
    assert chosen.sum() + limit * (rows - len(pairs)) == pytest.approx(best, abs=1e-4)
    assert [len(set(side.tolist())) for side in pairs.T] == [len(pairs)] * 2
    assert pairs[:, 0].tolist() == sorted(pairs[:, 0].tolist())


def brute(cost: NDArray[np.float64], limit: float) -> float:
    """Least total of all ways, where a row that stays alone costs the limit."""
    if not len(cost):
        return 0.0
    ways = [limit + brute(cost[1:], limit)]
    for column in range(cost.shape[1]):
        if cost[0, column] <= limit:
            ways.append(cost[0, column] + brute(np.delete(cost[1:], column, axis=1), limit))
    return min(ways)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 2**32 - 1), st.floats(0.1, 0.9))
def test_pairs_worse_than_the_limit_stay_apart(rows: int, columns: int, seed: int, limit: float) -> None:
    rng = np.random.default_rng(seed)
    cost = rng.random((rows, columns))
    cost[rng.random((rows, columns)) < 0.2] = np.inf
    pairs = assign(cost, limit)
    chosen = cost[pairs[:, 0], pairs[:, 1]]
    assert (chosen <= limit).all()
    side = cost if rows <= columns else cost.T
    assert chosen.sum() + limit * (len(side) - len(pairs)) == pytest.approx(brute(side, limit))


def test_nothing_is_possible() -> None:
    assert assign(np.full((3, 2), np.inf)).shape == (0, 2)

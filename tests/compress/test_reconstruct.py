"""Weights on a grid, fitted to what a layer should put out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from uhd.compress.int8.reconstruct import Grid, Moments, damped, least_squares, reconstruct, round_with_feedback

Array = NDArray[np.float32]


def layer(seed: int, groups: int = 2, inputs: int = 5, outputs: int = 3, places: int = 400) -> tuple[Array, Array]:
    """Return weights, and inputs that are not around zero and go together, as behind a ReLU."""
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(groups, outputs, inputs)).astype(np.float32)
    mixed = rng.normal(size=(groups, inputs, inputs)) @ rng.normal(size=(groups, inputs, places))
    return weights, np.maximum(mixed + 1, 0).astype(np.float32)


def gathered(inputs: Array, wanted: Array, centred: bool = True) -> Moments:
    moments = Moments(len(inputs), inputs.shape[1], wanted.shape[1], centred)
    for part in np.array_split(np.arange(inputs.shape[2]), 3):
        moments.add(inputs[:, :, part], wanted[:, :, part])
    return moments


def error(weights: Array, moments: Moments, inputs: Array, wanted: Array) -> float:
    """Return the mean square error of the layer with the best bias."""
    return float(np.square(weights @ inputs + moments.bias(weights)[:, :, None] - wanted).mean())


def test_moments_are_those_of_all_places_together() -> None:
    weights, inputs = layer(0)
    wanted = weights @ inputs + 3
    moments = gathered(inputs, wanted)
    for group in range(2):
        both = np.cov(np.concatenate([wanted[group], inputs[group]]).astype(np.float64), bias=True)
        assert moments.second[group] == pytest.approx(both[3:, 3:], rel=1e-4)
        assert moments.cross[group] == pytest.approx(both[:3, 3:], rel=1e-4, abs=1e-5)
    plain = gathered(inputs, wanted, centred=False)
    assert plain.second[1] == pytest.approx(inputs[1] @ inputs[1].T / 400, rel=1e-5)
    assert plain.cross[1] == pytest.approx(wanted[1] @ inputs[1].T / 400, rel=1e-5)


@pytest.mark.parametrize("centred", [True, False])
def test_without_a_pull_it_is_least_squares(centred: bool) -> None:
    weights, inputs = layer(1, groups=1)
    moved = inputs + np.random.default_rng(2).normal(0, 0.3, inputs.shape).astype(np.float32)
    wanted = weights @ inputs + (3 if centred else 0)
    found = least_squares(weights, gathered(moved, wanted, centred), pull=1e-9)
    seen = moved[0].T if not centred else np.c_[moved[0].T, np.ones(400)]
    expected = np.linalg.lstsq(seen.astype(np.float64), wanted[0].T.astype(np.float64), rcond=None)[0].T
    assert found[0] == pytest.approx(expected[:, :5], abs=1e-4)
    assert np.abs(found - weights).max() > 0.01  # what the inputs were moved by is made up for


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.01, 2.0), st.integers(1, 8))
def test_the_error_of_rounding_is_bounded(seed: int, step: float, inputs: int) -> None:
    """One input after the other costs at most a quarter of a squared step times what each one costs given the rest."""
    weights, seen = layer(seed, inputs=inputs)
    second = damped(gathered(seen, weights @ seen).second, 0.01)
    grid = Grid(np.full(1, step), -1000, 1000)
    rounded = round_with_feedback(weights.astype(np.float64), second, grid)
    assert rounded == pytest.approx(grid.nearest(rounded), abs=1e-9)
    moved = rounded - weights
    cost = np.einsum("goi,gij,goj->go", moved, second, moved)
    order = np.argsort(-np.diagonal(second, axis1=1, axis2=2), axis=1, kind="stable")
    for group in range(2):
        inverse = np.linalg.inv(second[group][np.ix_(order[group], order[group])])
        given_the_rest = 1 / np.square(np.diag(np.linalg.cholesky(inverse)))
        assert cost[group].max() <= step**2 / 4 * given_the_rest.sum() * (1 + 1e-6)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_it_beats_rounding_to_the_nearest(seed: int) -> None:
    weights, inputs = layer(seed, inputs=12, outputs=16)
    wanted = weights @ inputs
    moments = gathered(inputs, wanted)
    grid = Grid(np.full(1, 0.25), -127, 127)
    nearest = grid.nearest(weights).astype(np.float32)
    found, _ = reconstruct(weights, moments, grid)
    assert found == pytest.approx(grid.nearest(found), abs=1e-6)
    assert error(found, moments, inputs, wanted) < 0.9 * error(nearest, moments, inputs, wanted)


def test_every_output_has_a_step_of_its_own_and_ends() -> None:
    weights, inputs = layer(3)
    step = np.array([0.5, 0.01, 0.1]).reshape(1, 3, 1).repeat(2, 0)
    found, _ = reconstruct(weights, gathered(inputs, weights @ inputs), Grid(step, -4, 3))
    codes = found / step
    assert codes == pytest.approx(np.rint(codes), abs=1e-4)
    assert codes.min() == pytest.approx(-4)
    assert codes.max() == pytest.approx(3)


def test_the_bias_gives_the_wanted_mean() -> None:
    weights, inputs = layer(4)
    wanted = weights @ inputs - 2
    moments = gathered(inputs, wanted)
    other = (weights * 1.3).astype(np.float32)
    put_out = other @ inputs + moments.bias(other)[:, :, None]
    assert put_out.mean(2) == pytest.approx(wanted.mean(2), abs=1e-4)


@pytest.mark.parametrize("centred", [True, False])
def test_the_error_is_that_of_the_layer(centred: bool) -> None:
    weights, inputs = layer(6)
    wanted = weights @ inputs + np.random.default_rng(7).normal(size=(2, 3, 400)).astype(np.float32)
    moments = gathered(inputs, wanted, centred)

    def squares(tried: Array) -> Array:
        wrong = tried @ inputs - wanted
        return np.asarray(wrong.var(2) if centred else np.square(wrong).mean(2))

    for tried in (weights, weights * 0.5):
        assert moments.error(tried) == pytest.approx(squares(tried) - squares(0 * tried), rel=1e-3, abs=1e-3)


def test_a_step_is_halved_only_where_that_costs_less() -> None:
    weights, inputs = layer(8)
    moments = gathered(inputs, weights @ inputs)
    wide, narrow = Grid(np.full(1, 1.0), -127, 127), Grid(np.full(1, 0.02), -127, 127)
    assert float(reconstruct(weights, moments, wide, 2)[1].step[0]) == 0.25
    assert reconstruct(weights, moments, wide)[1] == wide
    assert reconstruct(weights, moments, narrow, 2)[1] == narrow  # half of it would cut most weights


def test_half_the_step_on_the_same_codes() -> None:
    grid = Grid(np.full(1, 0.5), -4, 3)
    values = np.array([[[-9.0, 0.3, 9.0]]])
    assert grid.nearest(values).tolist() == [[[-2.0, 0.5, 1.5]]]
    assert grid.finer().nearest(values).tolist() == [[[-1.0, 0.25, 0.75]]]


def test_inputs_that_never_vary_keep_their_weights() -> None:
    weights, inputs = layer(5)
    inputs[0], inputs[1, 2] = 0, 4
    grid = Grid(np.full(1, 0.25), -127, 127)
    found, _ = reconstruct(weights, gathered(inputs, weights @ inputs), grid)
    assert found[0] == pytest.approx(grid.nearest(weights[0]))
    assert found[1, :, 2] == pytest.approx(grid.nearest(weights[1, :, 2]))

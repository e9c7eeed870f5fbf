"""Int8 C: close to float, exact where bytes are only moved, and safe at the ends of its ranges."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.export.c.conftest import drawing, in_c, in_onnxruntime, needs_compiler, noise, spec_for
from tests.export.conftest import make_family, make_model
from uhd.errors import UserError
from uhd.export.c import export_c_int8
from uhd.export.c.correct_bias import correct_biases
from uhd.export.c.execute import execute
from uhd.export.c.int8 import fixed_point, quantise_weights, together
from uhd.export.c.network import Conv
from uhd.export.c.quantise import Grid, calibrate, float_outputs
from uhd.export.c_target import open_network
from uhd.models.network import DetectorNetwork
from uhd.resize import resize_image, to_network


def pictures(size: tuple[int, int], mode: str) -> np.ndarray:
    images = [noise((40, 50), seed) for seed in range(2)] + [drawing((60, 50), seed) for seed in range(6)]
    return to_network(np.stack([resize_image(image, size, mode) for image in images]), mode)


def compare(model: DetectorNetwork, folder: Path, mode: str = "opencv_inter_nearest", share: float = 1.0) -> None:
    spec = spec_for(model, (32, 32), mode)
    images = pictures((32, 32), mode)
    path = folder / "net.c"
    files = export_c_int8(open_network(model, spec), path, images, share)
    assert files.weight_bytes > 0
    assert files.arena_bytes > 0
    ours, theirs = in_c(path), in_onnxruntime(model, spec, folder)
    batch = images[::3]
    for (boxes, scores), (want_boxes, want_scores) in zip(ours.infer(batch), theirs.infer(batch), strict=True):
        spread = float(want_scores.std()) + 1e-3
        error = float(np.sqrt(np.mean((scores - want_scores) ** 2)))
        assert error < max(0.5 * spread, 0.02), (error, spread)
        sides = np.maximum(want_boxes[:, 2:] - want_boxes[:, :2], 0.05)
        assert np.median(np.abs(boxes - want_boxes).reshape(-1, 2, 2) / sides[:, None]) < 0.1


@needs_compiler
@pytest.mark.parametrize(
    "name", ["iou_aware", "legacy", "three_classes", "power_and_rfb", "dense", "leftover_batchnorm", "stride_16"]
)
def test_ultratinyod_is_close_to_onnxruntime(name: str, tmp_path: Path) -> None:
    compare(make_model(name, width=8), tmp_path)


@needs_compiler
@pytest.mark.parametrize("name", ["anchor_cnn", "utod_attributes", "utod_one_to_one"])
def test_other_families_are_close_to_onnxruntime(name: str, tmp_path: Path) -> None:
    compare(make_family(name), tmp_path)


@needs_compiler
@pytest.mark.parametrize("mode", ["opencv_inter_nearest_y_bin", "opencv_inter_nearest_yuv422"])
def test_every_kind_of_input(mode: str, tmp_path: Path) -> None:
    channels = 2 if mode.endswith("422") else 1
    compare(make_model(width=8, in_channels=channels), tmp_path, mode, share=0.9999)


@needs_compiler
def test_maps_equal_a_simulation_of_the_same_grids(tmp_path: Path) -> None:
    """Every map rounded to its grid in NumPy gives the scores of the C code but for the last bit of a few bytes."""
    model = make_model(width=8)
    spec = spec_for(model)
    images = pictures((32, 32), spec.resize_mode)
    path = tmp_path / "net.c"
    export_c_int8(open_network(model, spec), path, images)
    opened = open_network(model, spec)
    network = opened.network
    float_outputs(network)
    inputs = np.ascontiguousarray(images.transpose(0, 2, 3, 1))
    grids = calibrate(network, inputs, 1 / 255)
    correct_biases(network, grids, inputs)
    for layer in network.layers:
        if hasattr(layer, "weight"):
            weight, steps = quantise_weights(layer.weight, layer.bias, grids.of[layer.inputs[0]].step)
            layer.weight = (weight * steps[:, None, None, None]).astype(np.float32)

    def see(name: str, values: np.ndarray) -> np.ndarray:
        return grids.of[name].rounded(values) if name in grids.of else values

    maps = execute(network, inputs, see)
    quality = 1 / (1 + np.exp(-maps["quality"]))
    score = quality * (1 / (1 + np.exp(-maps["cls"])))
    found = np.stack([scores[:, 0] for _, scores in in_c(path).infer(images)])
    difference = np.abs(found - score.reshape(len(found), -1))
    assert np.sqrt(np.mean(difference**2)) < 0.1 * score.std()
    assert np.median(difference) < 0.01


@given(st.floats(1e-7, 3), st.integers(-(2**19), 2**19))
def test_fixed_point_is_the_factor(factor: float, number: int) -> None:
    held = fixed_point(factor, 2**19)
    multiplier, left, shift = held.single
    assert abs(number << left) < 2**31
    product = ((number << left) * multiplier) >> 32
    assert abs(((product + (1 << (shift - 1))) >> shift) - number * factor) <= 0.55 + abs(number * factor) * 1e-6


def test_fixed_point_refuses_what_does_not_fit() -> None:
    with pytest.raises(UserError, match="write float32"):
        fixed_point(1e6, 2**28)


@given(st.floats(0.01, 100), st.floats(0.01, 100))
def test_factors_of_a_sum_share_one_shift(first: float, second: float) -> None:
    (a, b), shift = together(first, second)
    assert max(a, b) < 2**21
    assert 255 * 2 * (a + b) + 2**shift < 2**31
    assert a / 2**shift == pytest.approx(first, abs=max(first, second) * 1e-5)
    assert b / 2**shift == pytest.approx(second, abs=max(first, second) * 1e-5)


@given(st.floats(-50, 50), st.floats(-50, 50))
def test_a_grid_holds_zero_and_its_range(one: float, other: float) -> None:
    low, high = min(one, other), max(one, other)
    grid = Grid.over(low, high)
    assert grid.reals()[grid.zero] == 0
    values = np.array([low, 0, high], np.float32)
    assert np.abs(grid.rounded(values) - values).max() <= grid.step * 1.01


def test_weights_next_to_nothing_leave_room_for_their_bias() -> None:
    weight = np.full((2, 1, 1, 1), 1e-20, np.float32)
    held, steps = quantise_weights(weight, np.array([1.0, 0.0], np.float32), 1 / 255)
    assert np.abs(1.0 / (steps[0] / 255)) < 2**30
    assert held.dtype == np.int8


def test_corrected_biases_bring_the_means_nearer(tmp_path: Path) -> None:
    model = make_model(width=8)
    spec = spec_for(model)
    inputs = np.ascontiguousarray(pictures((32, 32), spec.resize_mode).transpose(0, 2, 3, 1))
    wanted = {name: maps.mean((0, 2, 3)) for name, maps in execute(open_network(model, spec).network, inputs).items()}

    def error(correct: bool) -> float:
        network = open_network(model, spec).network
        float_outputs(network)
        grids = calibrate(network, inputs, 1 / 255)
        if correct:
            correct_biases(network, grids, inputs)
        for layer in network.layers:
            if isinstance(layer, Conv):
                held, steps = quantise_weights(layer.weight, layer.bias, grids.of[layer.inputs[0]].step)
                layer.weight = (held * steps[:, None, None, None]).astype(np.float32)
        maps = execute(network, inputs, lambda name, x: grids.of[name].rounded(x) if name in grids.of else x)
        return float(np.mean([np.abs(maps[name].mean((0, 2, 3)) - wanted[name]).mean() for name in wanted]))

    assert error(correct=True) < 0.2 * error(correct=False)

"""Sums that leave the chip's accumulators are said."""

from __future__ import annotations

import dataclasses
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from uhd.export.espdl.accumulators import overflows
from uhd.export.espdl.config import EspdlConfig
from uhd.export.espdl.export import export_espdl
from uhd.export.espdl.int16 import choose_int16
from uhd.export.espdl.prepare import Prepared
from uhd.export.espdl.quantise import Quantisation, quantise
from uhd.export.espdl.source import open_source

pytestmark = pytest.mark.usefixtures("esp_ppq")

LAST = 127 / 128  # of a step of 128ths
ONES = np.full((2, 64, 4, 4), LAST, np.float32)
LIMIT = 2**19 - 1


def one_layer(weights: np.ndarray, bias: float = 0.0) -> onnx.ModelProto:
    """A 1x1 convolution of 64 channels."""
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w", "b"], ["y"], "sum", kernel_shape=[1, 1])],
        "g",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 64, 4, 4])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1, 1, 4, 4])],
        [
            numpy_helper.from_array(weights.reshape(1, 64, 1, 1).astype(np.float32), "w"),
            numpy_helper.from_array(np.array([bias], np.float32), "b"),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def found(model: onnx.ModelProto, target: str = "esp32s3", images: np.ndarray = ONES) -> dict[str, tuple[int, int]]:
    how = Quantisation(target, algorithm="minmax", equalise=False)
    return overflows(quantise(model, images, how).graph, images)


def test_a_sum_beyond_20_bits_is_found_on_the_s3_alone() -> None:
    """64 products of a weight of 127 and an input of 127."""
    weights = np.full(64, LAST)
    assert found(one_layer(weights)) == {"sum": (64 * 127 * 127, LIMIT)}
    assert found(one_layer(weights), "esp32p4") == found(one_layer(weights), "c") == {}


def test_products_that_cancel_may_come_in_any_order() -> None:
    weights = np.where(np.arange(64) % 2, LAST, -LAST)
    assert found(one_layer(weights)) == {}
    # All of one sign, with the same inputs: half as many, twice as far, still within.
    assert 32 * 127 * 127 < LIMIT < 32 * 127 * 127 + 20000
    # A bias is among what is added: 20000 in steps of the input's times the weights', 2 ** -14.
    for sign in (1, -1):
        assert found(one_layer(weights, sign * 20000 / 2**14)) == {"sum": (32 * 127 * 127 + 20000, LIMIT)}


def test_inputs_below_zero_turn_the_sign() -> None:
    weights = np.full(64, LAST)
    assert found(one_layer(weights), images=-ONES) == {"sum": (64 * 127 * 127, LIMIT)}


def test_what_these_images_do_not_reach_is_not_said() -> None:
    """The weights could, so they are run."""
    weights = np.full(64, LAST)
    images = ONES.copy()
    images[:, 4:] = 0
    assert found(one_layer(weights), images=images) == {}


def test_a_detector_of_ours_stays_within(prepared: Prepared) -> None:
    images = np.random.default_rng(5).random((4, 3, 32, 32), dtype=np.float32)
    graph = quantise(prepared.model, images, Quantisation(reconstruct=True)).graph
    assert overflows(graph, images) == {}


def test_sums_that_overflow_are_advised_by_names_that_patterns_find(
    checkpoint: Path, photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = import_module("uhd.export.espdl.export")
    name = "/backbone/sppf/cv2/conv/Conv"

    def parts(graph: Any, _images: Any) -> dict[str, tuple[int, int]]:
        found = {each: (600_000, 524_287) for each in graph.operations if each.startswith(f"{name}/part")}
        assert len(found) > 1
        return found

    monkeypatch.setattr(module, "overflows", parts)
    monkeypatch.setitem(module.CHIPS, "esp32s3", dataclasses.replace(module.CHIPS["esp32s3"], part_bytes=256))
    config = EspdlConfig(image_dir=photographs, calib_steps=2, split_wide_convs=True, reconstruction=False)
    done = export_espdl(*open_source(checkpoint, config), tmp_path / "m.espdl", config, lambda _: None)
    (line,) = done.warnings
    assert "reach 600,000" in line
    prepared, _ = open_source(checkpoint, config)
    chosen = choose_int16(prepared.model, [line.split("pattern '")[1].removesuffix("'")])
    assert chosen.nodes == {name, name.replace("conv/Conv", "act/Relu")}
    assert not chosen.warnings

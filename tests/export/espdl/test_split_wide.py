"""Cutting a wide 1x1 convolution changes nothing of the float graph but its shape."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from uhd.export.espdl.float_graph import FloatGraph
from uhd.export.espdl.latency import CHIPS, estimate
from uhd.export.espdl.prepare import Prepared
from uhd.export.espdl.split_wide import parts_of, split_wide_convs

from .conftest import conv_model


def run(model: onnx.ModelProto, seed: int = 0) -> dict[str, np.ndarray]:
    shape = [dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim]
    return FloatGraph(model).run(np.random.default_rng(seed).integers(-9, 9, shape).astype(np.float32))


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 70), st.integers(1, 40), st.booleans(), st.booleans(), st.integers(0, 2**31), st.integers(1, 900))
def test_every_channel_comes_from_the_same_numbers(
    channels: int, inner: int, relu: bool, bias: bool, seed: int, limit: int
) -> None:
    model = conv_model((channels, inner, 1, 1), relu, bias, seed=seed)
    before = run(model, seed)["y"]
    cut = split_wide_convs(model, limit)
    onnx.checker.check_model(model, full_check=True)
    assert np.array_equal(run(model, seed)["y"], before)
    sizes = [tensor.dims[0] for tensor in model.graph.initializer if tensor.name.startswith("w")]
    assert sum(sizes) == channels
    assert len(sizes) == cut.get("/wide/conv/Conv", 1)
    if len(sizes) > 1:
        assert max(sizes) * inner <= max(limit, inner)
        # Groups of a whole number of vectors, where the limit leaves room for one.
        assert limit // inner < 16 or all(size % 16 == 0 for size in sizes[:-1])
    else:
        assert channels * inner <= limit


def test_a_whole_detector_is_bit_identical(prepared: Prepared) -> None:
    shape = prepared.input_shape
    images = np.random.default_rng(0).random((2, *shape[1:]), dtype=np.float32)
    before = FloatGraph(prepared.model).run(images)
    cut = split_wide_convs(prepared.model, 256)
    assert len(cut) > 5
    after = FloatGraph(prepared.model).run(images)
    assert all(np.array_equal(before[name], after[name]) for name in before)
    largest = [layer for layer in estimate(prepared.model, CHIPS["esp32s3"]).layers if "/part" in layer.name]
    assert max(layer.weight_bytes for layer in largest) <= 256


def test_each_part_has_its_own_activation_to_fuse_with() -> None:
    model = conv_model((32, 10, 1, 1))
    assert split_wide_convs(model, 160) == {"/wide/conv/Conv": 2}
    kinds = [(node.op_type, node.name) for node in model.graph.node]
    assert kinds == [
        ("Conv", "/wide/conv/Conv/part0"),
        ("Relu", "/wide/act/Relu/part0"),
        ("Conv", "/wide/conv/Conv/part1"),
        ("Relu", "/wide/act/Relu/part1"),
        ("Concat", "/wide/act/Relu/join"),
    ]


def test_only_what_is_wide_and_1x1_is_cut() -> None:
    assert split_wide_convs(conv_model((32, 10, 1, 1)), 320) == {}
    assert split_wide_convs(conv_model((32, 10, 3, 3)), 100) == {}
    assert split_wide_convs(conv_model((32, 1, 1, 1), group=32), 16) == {}
    # Two bytes a weight in 16 bits.
    assert split_wide_convs(conv_model((32, 10, 1, 1)), 320, {"/wide/conv/Conv"}) == {"/wide/conv/Conv": 2}
    assert split_wide_convs(conv_model((32, 10, 1, 1)), 320, weight_bytes=2) == {"/wide/conv/Conv": 2}


def test_an_output_before_the_activation_stays() -> None:
    model = conv_model((32, 10, 1, 1))
    model.graph.output.append(helper.make_tensor_value_info("y0", 1, [1, 32, 4, 4]))
    before = run(model)
    assert split_wide_convs(model, 160)
    after = run(model)
    assert all(np.array_equal(before[name], after[name]) for name in ("y", "y0"))


@pytest.mark.parametrize("inner", [3, 5])
def test_tensors_that_two_layers_share(inner: int) -> None:
    model = conv_model((40, 10, 1, 1), relu=False)
    rng = np.random.default_rng(1)
    model.graph.initializer.append(numpy_helper.from_array(rng.random((40, inner, 1, 1), dtype=np.float32), "v"))
    model.graph.initializer.append(numpy_helper.from_array(rng.random((inner, 10, 1, 1), dtype=np.float32), "u"))
    model.graph.node.append(helper.make_node("Conv", ["x", "u"], ["x1"], "/small/Conv", kernel_shape=[1, 1]))
    model.graph.node.append(helper.make_node("Conv", ["x1", "v", "b"], ["z"], "/other/Conv", kernel_shape=[1, 1]))
    model.graph.output.append(helper.make_tensor_value_info("z", 1, [1, 40, 4, 4]))
    before = run(model)
    cut = split_wide_convs(model, 160)
    assert cut == {"/wide/conv/Conv": 3} | ({"/other/Conv": 2} if inner == 5 else {})
    after = run(model)
    assert all(np.array_equal(before[name], after[name]) for name in ("y", "z"))


@pytest.mark.parametrize("chosen", [{"/wide/conv/Conv"}, {"/wide/act/Relu"}, set()])
def test_parts_take_the_bits_of_their_layer(chosen: set[str]) -> None:
    model = conv_model((32, 10, 1, 1))
    split_wide_convs(model, 160)
    found = parts_of(chosen, model)
    kind = next(iter(chosen)) if chosen else "none"
    assert {name.rpartition("/")[0] for name in found} == chosen
    assert all(name.startswith(kind) for name in found)
    assert numpy_helper.to_array(model.graph.initializer[0]).shape[0] == 16

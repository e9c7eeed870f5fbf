"""No processor saturates: what the runtime computes is the exact integer result, also where neighbours overflow."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationMethod
from onnxruntime.quantization.calibrate import TensorData, TensorsData

from uhd.compress.int8.rewrite import to_int8
from uhd.compress.int8.weight_range import LARGEST, PAIR, weight_ranges

Ints = NDArray[np.int64]


def rows() -> NDArray[np.float32]:
    """Eight output channels of 36 weights; in most of them neighbours overflow 16 bits when every bit is used."""
    rng = np.random.default_rng(0)
    weights = rng.uniform(-1, 1, (8, 36)).astype(np.float32)
    weights[0], weights[1] = 1, -1
    weights[2, ::2] = 1
    weights[3] = 0
    weights[4] = 0.001
    weights[4, 7] = 1  # alone: keeps all eight bits
    weights[5, 3:5] = (0.9, 0.7)
    return weights


def neighbours(activations: Ints, weights: Ints) -> Ints:
    """Return the sum of products as a processor with AVX2 alone adds it: pairs in 16 bits, which saturate."""
    products = activations * weights
    return np.clip(products[..., ::2] + products[..., 1::2], -32768, 32767).sum(-1)


def test_the_case_saturates_with_all_eight_bits_and_never_with_our_ranges() -> None:
    weights, brightest = rows(), np.full(36, 255)
    naive = np.rint(weights * LARGEST / np.abs(weights).max(1, initial=1e-9)[:, None]).astype(np.int64)
    assert (neighbours(brightest, naive) != (brightest * naive).sum(-1)).sum() >= 4
    tops = np.maximum(weight_ranges(weights, 0), 1e-9)
    ours = np.rint(weights * LARGEST / tops[:, None]).astype(np.int64)
    for order in (np.arange(36), np.argsort(ours, axis=1)):
        paired = np.take_along_axis(ours, np.broadcast_to(order, ours.shape), 1)
        assert np.array_equal(neighbours(brightest, paired), (brightest * paired).sum(-1))
    two = np.sort(ours, axis=1)
    assert two[:, -2:].sum(1).max() <= PAIR
    assert two[:, :2].sum(1).min() >= -PAIR
    assert ours[4].max() >= 126  # a weight that stands alone loses nothing
    assert ours[0].max() == 64


@pytest.mark.parametrize("kind", ["Conv", "pointwise", "MatMul", "Gemm"])
def test_the_runtime_gives_the_exact_integers(kind: str) -> None:
    graph, ranges = layer(kind)
    done = to_int8(onnx.shape_inference.infer_shapes(graph), ranges, ["layer"])
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in done.graph.initializer}
    rng = np.random.default_rng(1)
    shape = {"Conv": (1, 4, 6, 6), "pointwise": (1, 36, 5, 5)}.get(kind, (5, 36))
    for pixels in (np.full(shape, 255), rng.integers(0, 256, shape), rng.choice([0, 255], shape)):
        feed = (pixels * values["x_scale"]).astype(np.float32)
        session = ort.InferenceSession(done.SerializeToString(), providers=["CPUExecutionProvider"])
        found = session.run(None, {"x": feed})[0]
        weights = values["w_quantized"].astype(int)
        exact = columns(pixels, kind) @ (weights if kind == "MatMul" else weights.reshape(8, 36).T)
        if "b_quantized" in values:
            exact = exact + values["b_quantized"]
        wanted = np.clip(
            np.rint(exact * (values["x_scale"] * values["w_scale"] / values["y_scale"])) + values["y_zero_point"],
            0,
            255,
        )
        got = np.rint(found / values["y_scale"]) + values["y_zero_point"]
        got = got.reshape(1, 8, -1)[0].T if kind in ("Conv", "pointwise") else got
        # The runtime rounds in float32: halves may fall either way, an overflow is hundreds of steps away.
        assert np.abs(got - wanted).max() <= 1
        assert (got != wanted).mean() < 0.02


def columns(pixels: Ints, kind: str) -> Ints:
    """Return what the filter sees at every place, (places, 36)."""
    if kind in ("Gemm", "MatMul"):
        return pixels
    if kind == "pointwise":
        return pixels[0].reshape(36, -1).T
    windows = np.lib.stride_tricks.sliding_window_view(pixels[0], (3, 3), (1, 2))
    return windows.transpose(1, 2, 0, 3, 4).reshape(-1, 36)


def layer(kind: str) -> tuple[onnx.ModelProto, TensorsData]:
    """Return one layer with the weights of :func:`rows` and the ranges of its input and its output."""
    weights, inputs = rows(), ["x", "w", "b"]
    bias = np.linspace(-2, 2, 8).astype(np.float32)
    if kind in ("Conv", "pointwise"):
        shape, out = ([1, 4, 6, 6], [1, 8, 4, 4]) if kind == "Conv" else ([1, 36, 5, 5], [1, 8, 5, 5])
        weights = weights.reshape(8, 4, 3, 3) if kind == "Conv" else weights.reshape(8, 36, 1, 1)
        node = helper.make_node("Conv", inputs, ["y"], "layer")
    elif kind == "Gemm":
        shape, out = [5, 36], [5, 8]
        node = helper.make_node("Gemm", inputs, ["y"], "layer", transB=1)
    else:
        shape, out, weights, inputs = [5, 36], [5, 8], np.ascontiguousarray(weights.T), ["x", "w"]
        node = helper.make_node("MatMul", inputs, ["y"], "layer")
    constants = [numpy_helper.from_array(weights, "w")]
    constants += [numpy_helper.from_array(bias, "b")] if "b" in inputs else []
    graph = helper.make_graph(
        [node], "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, out)],
        constants,
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    ranges = {"x": (np.float32(0), np.float32(1)), "y": (np.float32(-40), np.float32(40))}
    table = {name: TensorData(lowest=low, highest=high) for name, (low, high) in ranges.items()}
    return model, TensorsData(CalibrationMethod.MinMax, table)

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

from uhd.export.onnx.rewrite import add_constant_output, decompose_batchnorm, name_depthwise


def small_graph() -> onnx.ModelProto:
    """Depthwise convolution, max-pool, batch-norm that nothing absorbs, dense convolution."""
    rng = np.random.default_rng(0)
    weights = {
        "dw": rng.normal(size=(4, 1, 3, 3)), "pw": rng.normal(size=(2, 4, 1, 1)), "gamma": rng.normal(size=4),
        "beta": rng.normal(size=4), "mean": rng.normal(size=4), "var": rng.uniform(0.1, 2, 4),
    }  # fmt: skip
    nodes = [
        helper.make_node("Conv", ["x", "dw"], ["a"], "/block/dw/conv/Conv", group=4),
        helper.make_node("MaxPool", ["a"], ["b"], "/pool/MaxPool", kernel_shape=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("BatchNormalization", ["b", "gamma", "beta", "mean", "var"], ["c"], "/bn/BN", epsilon=1e-3),
        helper.make_node("Conv", ["c", "pw"], ["y"], "/block/pw/conv/Conv"),
    ]
    graph = helper.make_graph(
        nodes, "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2, 7, 7])],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def run(graph: onnx.ModelProto) -> list[np.ndarray]:
    x = np.random.default_rng(1).normal(size=(1, 4, 8, 8)).astype(np.float32)
    return ort.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, {"x": x})


def test_a_leftover_batchnorm_becomes_mul_and_add() -> None:
    graph = small_graph()
    before = run(graph)[0]
    assert decompose_batchnorm(graph) == 1
    onnx.checker.check_model(graph)
    assert [node.op_type for node in graph.graph.node] == ["Conv", "MaxPool", "Mul", "Add", "Conv"]
    assert {tensor.name for tensor in graph.graph.initializer} == {"dw", "pw", "/bn/BN/scale", "/bn/BN/shift"}
    assert np.abs(run(graph)[0] - before).max() < 1e-5
    assert decompose_batchnorm(graph) == 0


def test_only_depthwise_convolutions_are_renamed_and_only_once() -> None:
    graph = small_graph()
    for _ in range(2):
        name_depthwise(graph)
        names = [node.name for node in graph.graph.node if node.op_type == "Conv"]
        assert names == ["/depthwiseconv/block/dw/conv/Conv", "/block/pw/conv/Conv"]


def test_a_constant_output_is_an_initialiser_of_that_name() -> None:
    graph = small_graph()
    anchors = np.array([[0.1, 0.2], [0.3, 0.4]], np.float32)
    add_constant_output(graph, "anchors", anchors)
    onnx.checker.check_model(graph)
    assert np.array_equal(run(graph)[1], anchors)
    assert "anchors" in {tensor.name for tensor in graph.graph.initializer}

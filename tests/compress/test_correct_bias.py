"""The mean error of rounded weights, and biases that make up for it."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from uhd.compress.int8.correct_bias import mean_errors, weights_of, with_biases_moved
from uhd.compress.int8.weight_only import store_weights
from uhd.runtime.onnx import open_session

FEEDS = [np.random.default_rng(i).random((1, 8, 9, 9), np.float32) for i in range(3)]


def network(shared_bias: bool = False) -> onnx.ModelProto:
    """Two convolutions, the second depthwise and strided, behind a ReLU."""
    rng = np.random.default_rng(7)
    weights = rng.normal(size=(16, 8, 3, 3)).astype(np.float32), rng.normal(size=(16, 1, 6, 6)).astype(np.float32)
    biases = [rng.normal(size=16).astype(np.float32) for _ in range(2)]
    second = "b0" if shared_bias else "b1"
    nodes = [
        helper.make_node("Conv", ["x", "w0", "b0"], ["a"], "first", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["r"], "relu"),
        helper.make_node("Conv", ["r", "w1", second], ["y"], "second", group=16, pads=[2, 2, 2, 2], strides=[2, 2]),
    ]
    named = {"w0": weights[0], "w1": weights[1], "b0": biases[0]} | ({} if shared_bias else {"b1": biases[1]})
    named["anchors"] = np.ones((1, 2), np.float32)  # as raw forms have them: put out as they are
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 8, 9, 9])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in
         {"y": [1, 16, 4, 4], "anchors": [1, 2]}.items()],
        [numpy_helper.from_array(value, name) for name, value in named.items()],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def outputs(graph: onnx.ModelProto, *names: str) -> list[np.ndarray]:
    """Return the mean over images and places of tensors, by channel."""
    wide = onnx.ModelProto()
    wide.CopyFrom(graph)
    for name in set(names) - {"y"}:
        wide.graph.output.append(helper.make_empty_tensor_value_info(name))
    session = open_session(wide.SerializeToString())
    each = [session.run(list(names), {"x": feed}) for feed in FEEDS]
    return [np.mean([run[i].mean((0, 2, 3)) for run in each], 0) for i in range(len(names))]


def stored(graph: onnx.ModelProto) -> onnx.ModelProto:
    version = onnx.ModelProto()
    version.CopyFrom(graph)
    store_weights(version)
    assert any(node.op_type == "DequantizeLinear" for node in version.graph.node)
    return version


def test_the_error_is_that_of_the_weights_alone_padding_and_strides_included() -> None:
    whole = network()
    found = mean_errors(whole, weights_of(stored(whole)), FEEDS)
    assert set(found) == {"first", "second"}
    assert found["first"] == pytest.approx(outputs(stored(whole), "a")[0] - outputs(whole, "a")[0], abs=1e-5)
    # The second: its own weights, from what float gives it, not from what the rounded first one does.
    only_second = stored(whole)
    first = next(node for node in only_second.graph.node if node.name == "first")
    first.input[1] = "plain"
    weights = next(tensor for tensor in whole.graph.initializer if tensor.name == "w0")
    only_second.graph.initializer.append(numpy_helper.from_array(numpy_helper.to_array(weights), "plain"))
    assert found["second"] == pytest.approx(outputs(only_second, "y")[0] - outputs(whole, "y")[0], abs=1e-5)
    assert mean_errors(whole, weights_of(whole), FEEDS) == {}


@pytest.mark.parametrize("shared_bias", [False, True])
def test_moved_biases_take_it_out(shared_bias: bool) -> None:
    whole = network(shared_bias)
    errors = mean_errors(whole, weights_of(stored(whole)), FEEDS)
    before = whole.SerializeToString()
    moved = with_biases_moved(whole, errors)
    assert whole.SerializeToString() == before
    onnx.checker.check_model(moved)
    expected, off, mended = (outputs(graph, "a")[0] for graph in (whole, stored(whole), stored(moved)))
    assert abs(off - expected).max() > 1e-4
    assert mended == pytest.approx(expected, abs=1e-5)
    # A bias that nobody reads any more is not carried along; a constant that is an output is.
    names = {tensor.name for tensor in moved.graph.initializer}
    assert names == {"w0", "w1", "first_moved_bias", "second_moved_bias", "anchors"}


def test_a_layer_that_keeps_its_weights_keeps_its_bias() -> None:
    whole = network()
    moved = with_biases_moved(whole, {"second": np.ones(16, np.float32)})
    assert outputs(moved, "a")[0].tolist() == outputs(whole, "a")[0].tolist()
    assert outputs(whole, "y")[0] - outputs(moved, "y")[0] == pytest.approx(np.ones(16), abs=1e-5)

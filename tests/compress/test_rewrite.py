"""What is to stay float computes in float, whatever the runtime makes of the graph when it loads it."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper

from uhd.compress.int8.calibrate import activation_ranges
from uhd.compress.int8.rewrite import to_int8

LAYERS = ("first", "narrow", "last")


def three_layers() -> onnx.ModelProto:
    """Return three 1x1 layers without activations; one scale for all channels of the second would round most to 0."""
    rng = np.random.default_rng(0)
    weights = {name: rng.normal(size=(16, 16, 1, 1)).astype(np.float32) / 4 for name in LAYERS}
    weights["narrow"][:15] /= 1000
    weights["last"][:, :15] *= 1000
    nodes, x = [], "x"
    for name in LAYERS:
        y = "y" if name == "last" else f"{name}_out"
        nodes.append(helper.make_node("Conv", [x, f"{name}_w", f"{name}_b"], [y], name))
        x = y
    constants = [numpy_helper.from_array(value, f"{name}_w") for name, value in weights.items()]
    constants += [numpy_helper.from_array(np.zeros(16, np.float32), f"{name}_b") for name in LAYERS]
    ends = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 16, 4, 4]) for name in ("x", "y")]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], constants)
    return onnx.shape_inference.infer_shapes(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    )


def outputs(graph: onnx.ModelProto, feeds: list[np.ndarray], optimised: bool) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    if not optimised:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(graph.SerializeToString(), options, ["CPUExecutionProvider"])
    return np.stack([session.run(None, {"x": feed})[0] for feed in feeds])


@pytest.mark.parametrize("least", [0, -1], ids=["unsigned", "signed"])
def test_no_runtime_quantises_a_layer_that_is_to_stay_float(least: int) -> None:
    rng = np.random.default_rng(1)
    feeds = [rng.uniform(least, 1, (1, 16, 4, 4)).astype(np.float32) for _ in range(8)]
    graph = three_layers()
    quantised = to_int8(graph, activation_ranges(graph, feeds), ["first", "last"])
    onnx.checker.check_model(quantised)
    plain, fused = (outputs(quantised, feeds, optimised) for optimised in (False, True))
    np.testing.assert_allclose(fused, plain, atol=0.02 * float(np.abs(plain).max()))

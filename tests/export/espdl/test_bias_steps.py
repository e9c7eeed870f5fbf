"""A channel whose weights are next to nothing keeps its bias."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from uhd.export.espdl.accumulators import overflows
from uhd.export.espdl.quantise import Quantisation, quantise
from uhd.export.espdl.simulation import Simulation

pytestmark = pytest.mark.usefixtures("esp_ppq")

IMAGES = np.random.default_rng(3).random((4, 2, 8, 8), dtype=np.float32)


def nearly_dead(weight: float) -> onnx.ModelProto:
    """Two channels, of which the second has this weight, and both have a bias of 0.75."""
    weights = np.array([[1, -1], [weight, weight]], np.float32).reshape(2, 2, 1, 1)
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w", "b"], ["y"], "layer", kernel_shape=[1, 1])],
        "g",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 2, 8, 8])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1, 2, 8, 8])],
        [numpy_helper.from_array(weights, "w"), numpy_helper.from_array(np.full(2, 0.75, np.float32), "b")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize("fitted", [False, True])
@pytest.mark.parametrize("weight", [1e-9, 1e-7, 0.0])
def test_the_bias_of_a_channel_of_small_weights_is_stored_whole(weight: float, fitted: bool) -> None:
    """In 32 bits of steps of 2 ** -37 * 2 ** -7 it would end at 2 ** -13."""
    done = quantise(nearly_dead(weight), IMAGES, Quantisation("esp32p4", equalise=False, reconstruct=fitted))
    found = Simulation(done.graph).run(IMAGES)["y"]
    assert found[:, 1] == pytest.approx(0.75, abs=0.02)
    assert overflows(done.graph, IMAGES) == {}
    _, weights, bias = done.graph.operations["layer"].config.input_quantization_config
    assert np.array_equal(bias.scale, weights.scale * 2**-7)


def test_steps_that_suit_the_bias_stay() -> None:
    """The first channel's are those of its weights."""
    done = quantise(nearly_dead(1e-9), IMAGES, Quantisation("esp32p4", equalise=False))
    scale = done.graph.operations["layer"].config.input_quantization_config[1].scale
    assert float(scale[0]) == 2**-6
    assert float(scale[1]) > 2**-30

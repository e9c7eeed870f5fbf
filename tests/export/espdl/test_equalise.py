"""Channels scaled between layers, and Clips that storing the result does anyhow."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from uhd.export.espdl.clips import leave_out_clips
from uhd.export.espdl.equalise import equalise
from uhd.export.espdl.float_graph import FloatGraph
from uhd.export.espdl.quantise import Quantisation, quantise
from uhd.export.espdl.simulation import Simulation

Array = NDArray[np.float32]
IMAGES = np.random.default_rng(0).random((8, 3, 12, 12), dtype=np.float32)


def block(activation: str, seed: int = 0, more: bool = False, end: float = 6.0) -> onnx.ModelProto:
    """A pointwise, a depthwise and a pointwise convolution, with channels of very different size.

    Args:
        activation: ``Relu`` or ``Clip`` between them.
        more: whether the depthwise layer's result is read twice.
        end: of the Clip.
    """
    rng = np.random.default_rng(seed)
    size = np.geomspace(0.05, 4, 8).astype(np.float32)
    values: dict[str, Any] = {
        "w1": rng.normal(size=(8, 3, 1, 1)) * size[:, None, None, None],
        "b1": rng.normal(size=8) * size,
        "w2": rng.normal(size=(8, 1, 3, 3)) / size[::-1, None, None, None],
        "b2": rng.normal(size=8),
        "w3": rng.normal(size=(4, 8, 1, 1)),
        "b3": rng.normal(size=4),
        "low": np.zeros(()),
        "high": np.asarray(end),
    }
    ends = ["low", "high"] if activation == "Clip" else []
    nodes = [
        helper.make_node("Conv", ["x", "w1", "b1"], ["a"], "first", kernel_shape=[1, 1]),
        helper.make_node(activation, ["a", *ends], ["b"], "act1"),
        helper.make_node("Conv", ["b", "w2", "b2"], ["c"], "second", kernel_shape=[3, 3], group=8, pads=[1] * 4),
        helper.make_node(activation, ["c", *ends], ["d"], "act2"),
        helper.make_node("Conv", ["d", "w3", "b3"], ["e" if more else "y"], "third", kernel_shape=[1, 1]),
    ]
    if more:
        nodes += [
            helper.make_node("Conv", ["d", "w3", "b3"], ["f"], "fourth", kernel_shape=[1, 1]),
            helper.make_node("Add", ["e", "f"], ["y"], "add"),
        ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 12, 12])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4, 12, 12])],
        [numpy_helper.from_array(np.asarray(value, np.float32), name) for name, value in values.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def weights(model: onnx.ModelProto, node: str) -> Array:
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    return values[next(each for each in model.graph.node if each.name == node).input[1]]


def spread(model: onnx.ModelProto, node: str) -> float:
    """Return how much larger the largest channel's weights are than the smallest's."""
    most = np.abs(weights(model, node)).max((1, 2, 3))
    return float(most.max() / most.min())


@pytest.mark.parametrize("activation", ["Relu", "Clip"])
@pytest.mark.parametrize("seed", range(5))
def test_it_computes_what_it_did(activation: str, seed: int) -> None:
    model = block(activation, seed)
    before = onnx.ModelProto()
    before.CopyFrom(model)
    scaled = equalise(model, IMAGES)
    assert model == before
    expected, found = (FloatGraph(each).run(IMAGES)["y"] for each in (model, scaled))
    assert found == pytest.approx(expected, rel=1e-4, abs=1e-4)
    assert not np.array_equal(weights(model, "second"), weights(scaled, "second"))
    if activation == "Relu":  # on any picture
        others = np.random.default_rng(1).normal(0, 9, (4, 3, 12, 12)).astype(np.float32)
        expected, found = (FloatGraph(each).run(others)["y"] for each in (model, scaled))
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-3)


def test_channels_get_alike() -> None:
    model = block("Relu")
    scaled = equalise(model, IMAGES)
    assert spread(model, "second") > 30
    # The second layer stands between the two others, and what channels reach counts as well as their weights, so
    # what is best for it alone is not what it gets.
    assert spread(scaled, "second") < spread(model, "second") / 2.5
    assert spread(scaled, "first") < spread(model, "first") / 2.5


@pytest.mark.parametrize(("end", "expected"), [(6.0, 127 / 16), (3.0, 127 / 32), (127 / 32, 127 / 32), (8.0, 127 / 8)])
def test_a_clip_ends_at_the_last_code(end: float, expected: float) -> None:
    scaled = equalise(block("Clip", end=end), IMAGES)
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in scaled.graph.initializer}
    ends = [values[node.input[2]] for node in scaled.graph.node if node.op_type == "Clip"]
    assert ends == [pytest.approx(expected)] * 2


def test_a_channel_that_the_clip_cuts_is_cut_at_the_same_value() -> None:
    model, brighter = block("Clip"), IMAGES * 3
    scaled = equalise(model, brighter)
    expected, found = (FloatGraph(each).run(brighter)["y"] for each in (model, scaled))
    free, cut = (equalise(model, each) for each in (IMAGES / 9, brighter))
    assert not np.array_equal(weights(free, "first"), weights(cut, "first"))  # there are such channels
    assert found == pytest.approx(expected, rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("activation", ["Relu", "Clip"])
def test_every_layer_that_reads_a_channel_divides_it_again(activation: str) -> None:
    model = block(activation, more=True)
    scaled = equalise(model, IMAGES)
    ratio = weights(scaled, "third") / weights(model, "third")
    assert not np.allclose(ratio, ratio[0, 0])
    assert np.allclose(ratio, weights(scaled, "fourth") / weights(model, "fourth"), rtol=1e-5)
    expected, found = (FloatGraph(each).run(IMAGES)["y"] for each in (model, scaled))
    assert found == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_a_channel_that_never_answers_does_not_decide_the_step() -> None:
    """Nothing gets through its ReLU; its weights share a step with those of all others nevertheless."""
    model = block("Relu")
    for tensor in model.graph.initializer:
        if tensor.name == "b1":
            biases = numpy_helper.to_array(tensor).copy()
            biases[0] = -1000
            tensor.CopyFrom(numpy_helper.from_array(biases, "b1"))
    scaled = equalise(model, IMAGES)
    most = np.abs(weights(scaled, "second")).max((1, 2, 3))
    assert most[0] < 2 * most[1:].max()


@pytest.mark.parametrize("end", [0.0, -1.0])
def test_other_clips_are_left_alone(end: float) -> None:
    model = block("Clip", end=end)
    scaled = equalise(model, IMAGES)
    assert np.array_equal(weights(model, "second"), weights(scaled, "second"))


def test_equal_tensors_stored_once_are_scaled_each_by_itself() -> None:
    model = block("Relu")
    for node in model.graph.node:
        if node.name == "second":
            node.input[2] = "b1"
    expected, found = (FloatGraph(each).run(IMAGES)["y"] for each in (model, equalise(model, IMAGES)))
    assert found == pytest.approx(expected, rel=1e-4, abs=1e-4)


@pytest.mark.usefixtures("esp_ppq")
@pytest.mark.parametrize("target", ["esp32s3", "esp32p4"])
def test_a_clip_that_storing_does_is_left_out(target: str) -> None:
    done = quantise(block("Clip"), IMAGES, Quantisation(target))
    others = np.random.default_rng(2).normal(0, 20, (4, 3, 12, 12)).astype(np.float32)
    expected = Simulation(done.graph).run(others)["y"]
    kinds = lambda: [each.type for each in done.graph.operations.values()]  # noqa: E731
    assert kinds() == ["Conv", "Clip", "Conv", "Clip", "Conv"]
    changed = leave_out_clips(done.graph, done.model)
    assert kinds() == ["Conv", "Relu", "Conv", "Relu", "Conv"] == [node.op_type for node in changed.graph.node]
    assert [node.op_type for node in done.model.graph.node].count("Clip") == 2
    assert np.array_equal(Simulation(done.graph).run(others)["y"], expected)
    onnx.checker.check_model(changed)


@pytest.mark.usefixtures("esp_ppq")
@pytest.mark.parametrize("how", [Quantisation(equalise=False), Quantisation(bits=16)])
def test_a_clip_below_the_last_code_stays(how: Quantisation) -> None:
    done = quantise(block("Clip"), IMAGES * 9, how)
    changed = leave_out_clips(done.graph, done.model)
    assert changed == done.model
    assert [each.type for each in done.graph.operations.values()].count("Clip") == 2

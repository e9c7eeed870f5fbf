"""Relus that are left to storing."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from uhd.export.espdl.float_graph import FloatGraph
from uhd.export.espdl.prepare import Prepared
from uhd.export.espdl.quantise import Quantisation, Quantised, quantise
from uhd.export.espdl.simulation import Simulation

pytestmark = pytest.mark.usefixtures("esp_ppq")

IMAGES = np.random.default_rng(3).random((8, 3, 12, 12), dtype=np.float32)
OTHERS = np.random.default_rng(4).random((8, 3, 12, 12), dtype=np.float32)


def two_layers(
    activation: str = "Relu", kernel: int = 1, padding: int = 0, bias: bool = True, end: float = 127 / 64
) -> onnx.ModelProto:
    """A convolution, its activation, and the convolution that reads it."""
    rng = np.random.default_rng(0)
    values = {
        "w1": rng.normal(0, 1, (16, 3, 3, 3)),
        "b1": rng.normal(0, 1, 16),
        "w2": rng.normal(0, 1, (4, 16, kernel, kernel)),
        "b2": rng.normal(0, 1, 4),
        "low": np.array(0.0),
        "high": np.array(127 / 64),
    }
    ends = ["low", "high"] if activation == "Clip" else []
    nodes = [
        helper.make_node("Conv", ["x", "w1", "b1"], ["a"], "first", kernel_shape=[3, 3], pads=[1] * 4),
        helper.make_node(activation, ["a", *ends], ["r"], "cut"),
        helper.make_node(
            "Conv", ["r", "w2", "b2"] if bias else ["r", "w2"], ["y"], "second",
            kernel_shape=[kernel] * 2, pads=[padding] * 4,
        ),
    ]  # fmt: skip
    used = {name for node in nodes for name in node.input}
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 3, 12, 12])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1, 4, *[13 - kernel + 2 * padding] * 2])],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in values.items() if name in used],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def quantised(model: onnx.ModelProto, stored: bool, target: str = "esp32p4", **how: Any) -> Quantised:
    how = {"equalise": False, "algorithm": "minmax", **how}
    return quantise(model, IMAGES, Quantisation(target, store_relus=stored, **how))


def step_between(done: Quantised) -> float:
    return float(done.graph.operations["second"].config.input_quantization_config[0].scale)


def kinds(done: Quantised) -> list[str]:
    return [each.type for each in done.graph.operations.values()]


@pytest.mark.parametrize("target", ["esp32p4", "c"])
def test_the_same_range_in_steps_half_as_large(target: str) -> None:
    model = two_layers()
    plain, stored = (quantised(model, each, target) for each in (False, True))
    assert kinds(plain) == ["Conv", "Relu", "Conv"]
    assert kinds(stored) == ["Conv", "Conv"] == [node.op_type for node in stored.model.graph.node]
    onnx.checker.check_model(stored.model)
    assert step_between(stored) == step_between(plain) / 2
    layer, reader = (stored.graph.operations[name].config for name in ("first", "second"))
    assert float(layer.output_quantization_config[0].scale) == step_between(stored)
    _, weights, bias = reader.input_quantization_config
    assert np.array_equal(bias.scale, step_between(stored) * weights.scale)


@pytest.mark.parametrize("fitted", [False, True])
def test_what_reads_it_comes_closer_to_float(fitted: bool) -> None:
    """Also on images that were not seen; here weights of 8 bits leave the error of the activations, about halved."""
    model = two_layers()
    expected = FloatGraph(model).run(OTHERS)["y"]
    errors = []
    for stored in (False, True):
        done = quantised(model, stored, reconstruct=fitted)
        done.graph.operations["second"].config.output_quantization_config[0].scale /= 16
        done.graph.operations["second"].config.output_quantization_config[0].quant_max *= 16
        done.graph.operations["second"].config.output_quantization_config[0].quant_min *= 16
        errors.append(float(np.square(Simulation(done.graph).run(OTHERS)["y"] - expected).mean()))
    assert errors[1] < 0.75 * errors[0]


def test_the_lowest_code_cuts_what_the_relu_cut() -> None:
    """Weights of 1 show what is stored: with the offset in the biases, nothing is below 0, and 0 stays 0 exactly."""
    model = two_layers()
    values = {"w2": np.eye(4, 16)[:, :, None, None], "b2": np.zeros(4)}
    for tensor in model.graph.initializer:
        if tensor.name in values:
            tensor.CopyFrom(numpy_helper.from_array(values[tensor.name].astype(np.float32), tensor.name))
    done = quantised(model, stored=True)
    found, expected = Simulation(done.graph).run(OTHERS)["y"], FloatGraph(model).run(OTHERS)["y"]
    assert found.min() == 0
    assert (found[expected == 0] == 0).mean() > 0.98  # a rounded first layer moves those near 0 above it
    assert np.abs(found - expected).max() < 0.1 * expected.max()


@pytest.mark.parametrize(
    ("model", "how"),
    [
        (two_layers(kernel=3, padding=1), {}),
        (two_layers(bias=False), {}),
        (two_layers("Sigmoid"), {}),
        (two_layers("Clip"), {}),
        (two_layers(), {"target": "esp32s3"}),
        (two_layers(), {"bits": 16}),
    ],
    ids=["padded", "without a bias", "another activation", "a clip", "narrow sums", "16 bits"],
)
def test_what_storing_cannot_do_stays(model: onnx.ModelProto, how: dict[str, Any]) -> None:
    settings = {"target": "esp32p4", "equalise": False, "algorithm": "minmax", **how}
    plain, stored = (quantise(model, IMAGES, Quantisation(store_relus=each, **settings)) for each in (False, True))
    assert kinds(plain) == kinds(stored)
    assert len(kinds(stored)) == 3
    assert np.array_equal(*(Simulation(each.graph).run(OTHERS)["y"] for each in (plain, stored)))


def test_what_the_firmware_reads_as_well_stays() -> None:
    model = two_layers()
    shown = helper.make_tensor_value_info("r", onnx.TensorProto.FLOAT, [1, 16, 12, 12])
    model.graph.output.append(shown)
    done = quantised(model, stored=True)
    assert kinds(done) == ["Conv", "Relu", "Conv"]
    assert Simulation(done.graph).run(OTHERS)["r"].min() == 0


def test_a_layer_in_16_bits_reads_as_before(prepared: Prepared) -> None:
    """Its input would otherwise have an offset that its own biases know nothing of."""
    images = np.random.default_rng(5).random((4, 3, 32, 32), dtype=np.float32)
    name = next(each.name for each in prepared.model.graph.node if each.op_type == "Conv" and "pw" in each.name)
    expected = FloatGraph(prepared.model).run(images)
    plain, stored = (
        quantise(prepared.model, images, Quantisation("esp32p4", store_relus=each), frozenset({name}))
        for each in (False, True)
    )
    assert len(kinds(stored)) < len(kinds(plain))
    assert stored.graph.operations[name].config.input_quantization_config[0].num_of_bits == 16
    found = Simulation(stored.graph).run(images)
    assert all(np.corrcoef(found[each].ravel(), expected[each].ravel())[0, 1] > 0.98 for each in expected)

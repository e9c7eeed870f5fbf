"""Layers fitted to what they put out in float."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from uhd.export.espdl.float_graph import FloatGraph
from uhd.export.espdl.prepare import Prepared
from uhd.export.espdl.quantise import Quantisation, quantise, with_weights
from uhd.export.espdl.record import load_simulation, save_simulation, simulator_path
from uhd.export.espdl.simulation import Simulation, few
from uhd.export.espdl.write import unshared

pytestmark = pytest.mark.usefixtures("esp_ppq")

IMAGES = np.random.default_rng(3).random((4, 3, 32, 32), dtype=np.float32)


def test_fitted_layers_come_closer_to_float(prepared: Prepared) -> None:
    """Also on images that were not seen: where one step serves channels of very different size."""
    uneven(prepared.model)
    images, others = np.random.default_rng(4).random((2, 16, 3, 32, 32), dtype=np.float32)
    reference = FloatGraph(prepared.model).run(others)
    errors = {}
    for equalise, fitted in ((False, False), (False, True), (True, False), (True, True)):
        done = quantise(prepared.model, images, Quantisation(equalise=equalise, reconstruct=fitted))
        found = Simulation(done.graph).run(others)
        errors[equalise, fitted] = sum(float(np.square(found[name] - reference[name]).mean()) for name in reference)
    assert errors[False, True] < 0.5 * errors[False, False]
    assert errors[True, False] < 0.5 * errors[False, False]
    assert errors[True, True] < 1.1 * min(errors.values())


def uneven(model: onnx.ModelProto) -> None:
    """Make every other channel of depthwise convolutions 30 times as large, and divide it again in the next layer."""
    values = {tensor.name: tensor for tensor in model.graph.initializer}
    changed = 0
    for node in model.graph.node:
        following = [each for each in model.graph.node if each.input and each.input[0] == node.output[0]]
        after = [each for each in model.graph.node if following and each.input[0] == following[0].output[0]]
        if node.op_type != "Conv" or values[node.input[1]].dims[1] != 1 or [e.op_type for e in after] != ["Conv"]:
            continue
        factor = np.where(np.arange(values[node.input[1]].dims[0]) % 2, 30, 1)
        for name, scale in (
            (node.input[1], factor[:, None, None, None]),
            (node.input[2], factor),
            (after[0].input[1], 1 / factor[None, :, None, None]),
        ):
            value = onnx.numpy_helper.to_array(values[name]) * scale
            values[name].CopyFrom(onnx.numpy_helper.from_array(value.astype(np.float32), name))
        changed += 1
    assert changed > 3


def test_fitted_weights_lie_on_the_grid_of_the_chip(prepared: Prepared) -> None:
    first = next(node.name for node in prepared.model.graph.node if node.op_type == "Conv")
    done = quantise(prepared.model, IMAGES, Quantisation(reconstruct=True), frozenset({first}))
    plain = quantise(prepared.model, IMAGES, Quantisation(), frozenset({first}))
    assert done.model == plain.model  # the float graph stays what it was
    for name, layer in done.graph.operations.items():
        if layer.type != "Conv":
            continue
        how = layer.input_quant_config[1]
        assert how.num_of_bits == (16 if name == first else 8)
        codes = layer.parameters[0].value / how.scale.reshape(-1, *[1] * 3)
        assert torch.equal(codes, torch.round(codes)), name
        assert how.quant_min <= codes.min(), name
        assert codes.max() <= how.quant_max, name


def test_one_large_weight_does_not_decide_the_step() -> None:
    """Where it matters little: its channel is dark, and all others share the step that it would have."""
    rng = np.random.default_rng(8)
    images = rng.random((16, 4, 8, 8), dtype=np.float32)
    images[:, 3] *= 0.01
    model = two_layers("none")
    for tensor in model.graph.initializer:
        if tensor.name == "wa":
            value = np.clip(rng.normal(0, 0.03, (4, 4, 1, 1)), -0.06, 0.06).astype(np.float32)
            value[0, 3] = 0.52
            tensor.CopyFrom(onnx.numpy_helper.from_array(value, "wa"))
    plain, fitted = (
        quantise(model, images, Quantisation(equalise=False, reconstruct=each)).graph.operations["a"].config
        for each in (False, True)
    )
    for before, after in zip(plain.input_quantization_config[1:], fitted.input_quantization_config[1:], strict=True):
        assert float(after.scale / before.scale) == 0.25


@pytest.mark.parametrize("shared", ["weights", "biases"])
def test_layers_that_share_get_weights_of_their_own(shared: str, tmp_path: Path) -> None:
    images = np.random.default_rng(5).random((4, 4, 8, 8), dtype=np.float32)
    done = quantise(two_layers(shared), images, Quantisation(equalise=False, reconstruct=True))
    first, second = (done.graph.operations[name] for name in ("a", "b"))
    i = 1 if shared == "weights" else 2
    assert not torch.equal(first.inputs[i].value, second.inputs[i].value)
    file = tmp_path / "m.espdl"
    file.write_bytes(b"EDL2")
    whole = with_weights(unshared(done.model, done.graph), done.graph)
    save_simulation(dataclasses.replace(done, model=whole), simulator_path(file), {}, file)
    again, _ = load_simulation(simulator_path(file), file)
    assert np.array_equal(Simulation(again).run(images)["y"], Simulation(done.graph).run(images)["y"])


def two_layers(shared: str) -> onnx.ModelProto:
    """Two convolutions ``a`` and ``b``, one after the other, with one tensor of weights or biases for both, or none."""
    rng = np.random.default_rng(6)
    values = {f"w{i}": rng.normal(size=(4, 4, 1, 1)).astype(np.float32) for i in "ab"}
    values |= {f"b{i}": rng.normal(size=4).astype(np.float32) for i in "ab"}
    names = {"a": ["wa", "ba"], "b": ["wa" if shared == "weights" else "wb", "ba" if shared == "biases" else "bb"]}
    nodes = [
        onnx.helper.make_node("Conv", ["x", *names["a"]], ["m"], "a", kernel_shape=[1, 1]),
        onnx.helper.make_node("Relu", ["m"], ["r"], "relu"),
        onnx.helper.make_node("Conv", ["r", *names["b"]], ["y"], "b", kernel_shape=[1, 1]),
    ]
    used = {name for both in names.values() for name in both}
    graph = onnx.helper.make_graph(
        nodes,
        "g",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 4, 8, 8])],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1, 4, 8, 8])],
        [onnx.numpy_helper.from_array(value, name) for name, value in values.items() if name in used],
    )
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize(
    ("count", "side", "left"),
    [(64, 64, 64), (65, 64, 33), (128, 64, 64), (20, 128, 10), (64, 512, 8), (5, 512, 5), (1, 8, 1)],
)
def test_as_many_images_as_fit(count: int, side: int, left: int) -> None:
    images = np.broadcast_to(np.arange(count, dtype=np.float32)[:, None, None, None], (count, 1, side, side))
    found = few(images)[:, 0, 0, 0]
    assert len(found) == left
    assert found[0] == 0
    assert len(set(np.diff(found))) <= 1

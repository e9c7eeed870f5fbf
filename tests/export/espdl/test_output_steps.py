"""Steps of outputs, halved where predictions gain."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from uhd.export.espdl.config import EspdlConfig
from uhd.export.espdl.export import export_espdl
from uhd.export.espdl.output_steps import halve_output_steps
from uhd.export.espdl.quantise import Quantisation, Quantised, quantise
from uhd.export.espdl.simulation import Simulation
from uhd.export.espdl.source import open_source
from uhd.models import create_model
from uhd.models.weights import describe, save_weights

from ..conftest import randomise

pytestmark = pytest.mark.usefixtures("esp_ppq")

IMAGES = np.random.default_rng(3).random((8, 2, 8, 8), dtype=np.float32)


def quantised(bits: int = 8) -> Quantised:
    """One convolution whose output has values around 1, and around 100 where the second channel is bright."""
    images = IMAGES.copy()
    images[:, 1] = 0
    images[0, 1, 0, :4] = 1
    weights = np.array([1, 100], np.float32).reshape(1, 2, 1, 1)
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["box"], "out", kernel_shape=[1, 1])],
        "g",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 2, 8, 8])],
        [helper.make_tensor_value_info("box", onnx.TensorProto.FLOAT, [1, 1, 8, 8])],
        [numpy_helper.from_array(weights, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return quantise(model, images, Quantisation(bits=bits, algorithm="minmax", equalise=False))


def step(done: Quantised) -> float:
    return float(done.graph.operations["out"].config.output_quantization_config[0].scale)


def test_what_nobody_believes_does_not_decide_the_step() -> None:
    done = quantised()
    simulation, before = Simulation(done.graph), step(done)

    def measure() -> float:
        """Values up to 10 count, those above do not."""
        found = simulation.run(np.concatenate([IMAGES[:, :1], np.zeros_like(IMAGES[:, :1])], 1))["box"]
        return float(np.abs(found - IMAGES[:, :1]).mean())

    first = measure()
    assert halve_output_steps(done.graph, measure) == {"box": 0.25}
    assert step(done) == before / 4
    assert measure() < 0.5 * first


@pytest.mark.parametrize("gains", [[1.0, 1.2], [1.0, 0.995]], ids=["worse", "by chance"])
def test_a_step_that_brings_nothing_stays(gains: list[float]) -> None:
    done = quantised()
    before, found = step(done), iter(gains)
    assert halve_output_steps(done.graph, lambda: next(found)) == {}
    assert step(done) == before


def test_sixteen_bits_stay() -> None:
    done = quantised(bits=16)
    assert halve_output_steps(done.graph, lambda: 1.0) == {}


def test_a_graph_that_is_no_detector_is_exported_as_it_is(photographs: Path, tmp_path: Path) -> None:
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["heat"], "out", kernel_shape=[1, 1])],
        "g",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 3, 8, 8])],
        [helper.make_tensor_value_info("heat", onnx.TensorProto.FLOAT, [1, 1, 8, 8])],
        [numpy_helper.from_array(np.ones((1, 3, 1, 1), np.float32), "w")],
    )
    model = tmp_path / "heat.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(model))
    config, said = EspdlConfig(calibration=photographs), list[str]()
    done = export_espdl(*open_source(model, config), tmp_path / "heat.espdl", config, said.append)
    assert done.files[0].is_file()
    assert any(line.startswith("outputs keep their steps, as their predictions cannot be read: ") for line in said)


@pytest.mark.parametrize("flags", [{}, {"auto_int16": 1}])
def test_a_head_whose_peaks_come_and_go(flags: dict[str, Any], photographs: Path, tmp_path: Path) -> None:
    network = create_model("cnn", cnn_width=4)
    randomise(network, np.random.default_rng(1))
    model = tmp_path / "cnn.safetensors"
    save_weights(model, network.state_dict(), describe(network, img_size=(32, 32)))
    config = EspdlConfig(calibration=photographs, **flags)
    done = export_espdl(*open_source(model, config), tmp_path / "cnn.espdl", config, lambda _: None)
    assert done.files[0].is_file()

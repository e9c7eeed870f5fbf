"""How the ranges of activations are found."""

from __future__ import annotations

import numpy as np
import pytest

from uhd.export.espdl.float_graph import FloatGraph
from uhd.export.espdl.prepare import Prepared
from uhd.export.espdl.quantise import Quantisation, quantise
from uhd.export.espdl.simulation import Simulation

pytestmark = pytest.mark.usefixtures("esp_ppq")

IMAGES = np.random.default_rng(3).random((8, 3, 32, 32), dtype=np.float32)
# A bright pixel here and there, which few of the calibration images have.
IMAGES[:2, :, ::7, ::5] *= 20


def error(prepared: Prepared, how: Quantisation) -> float:
    """Return the mean square error of all outputs on the images that calibrated."""
    found = Simulation(quantise(prepared.model, IMAGES, how).graph).run(IMAGES)
    expected = FloatGraph(prepared.model).run(IMAGES)
    return sum(float(np.square(found[name] - expected[name]).mean()) for name in expected)


def test_sixteen_bits_cut_nothing(prepared: Prepared) -> None:
    errors = {name: error(prepared, Quantisation(bits=16, algorithm=name)) for name in ("auto", "minmax", "percentile")}
    assert errors["auto"] == errors["minmax"]
    assert errors["auto"] < 0.1 * errors["percentile"]


def test_eight_bits_cut_what_is_rare(prepared: Prepared) -> None:
    assert error(prepared, Quantisation()) == error(prepared, Quantisation(algorithm="percentile"))


def test_a_layer_in_sixteen_bits_beside_others_in_eight(prepared: Prepared) -> None:
    node = next(each for each in prepared.model.graph.node if each.op_type == "Conv")
    after = next(each for each in prepared.model.graph.node if node.output[0] in each.input)
    names = frozenset({node.name, after.name})
    scales = {}
    for algorithm in ("auto", "percentile", "minmax"):
        done = quantise(prepared.model, IMAGES, Quantisation(algorithm=algorithm), names)
        scales[algorithm] = {
            name: float(layer.config.output_quantization_config[0].scale.max())
            for name, layer in done.graph.operations.items()
            if hasattr(layer, "config")
        }
    for name, scale in scales["auto"].items():
        assert scale == scales["minmax" if name in names else "percentile"][name]


@pytest.mark.parametrize(("algorithm", "step"), [("auto", 2**-7), ("percentile", 2**-6)])
def test_white_pixels_do_not_cost_the_input_half_of_its_codes(prepared: Prepared, algorithm: str, step: float) -> None:
    """1 is just above 127 steps of 2 ** -7, and stored as 127 of them."""
    images = np.ones_like(IMAGES)
    done = quantise(prepared.model, images, Quantisation(algorithm=algorithm, equalise=False))
    first = next(iter(done.graph.inputs.values())).dest_ops[0]
    assert float(first.config.input_quantization_config[0].scale) == step

"""Every form of the detector computes the same after its channels were scaled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import numpy_helper

from uhd.export.espdl.channels import find_channels
from uhd.export.espdl.config import EspdlConfig
from uhd.export.espdl.equalise import equalise
from uhd.export.espdl.float_graph import FloatGraph
from uhd.export.espdl.source import open_source
from uhd.models.weights import describe, save_weights

from ..conftest import CONFIGS, make_model

FORMS: dict[str, tuple[str, dict[str, Any]]] = {name: (name, {}) for name in CONFIGS} | {
    "swish": ("iou_aware", {"activation": "swish"}),
    "lite0": ("iou_aware", {"utod_backbone": "efficientnet_lite0", "output_stride": 4, "num_anchors": 2}),
}


@pytest.mark.parametrize("form", FORMS)
def test_it_computes_what_it_did(form: str, tmp_path: Path) -> None:
    name, changes = FORMS[form]
    model = make_model(name, **changes)
    path = tmp_path / "model.safetensors"
    save_weights(path, model.state_dict(), describe(model, img_size=(32, 32)))
    prepared, _ = open_source(path, EspdlConfig())
    images = np.random.default_rng(0).random((8, 3, 32, 32), dtype=np.float32)
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in prepared.model.graph.initializer}
    # A swish stands behind every convolution of the oldest form, and nothing can be scaled through it.
    assert find_channels(prepared.model.graph, values).still.all() == (form == "legacy")
    before, after = (FloatGraph(each).run(images) for each in (prepared.model, equalise(prepared.model, images)))
    for output, expected in before.items():
        assert after[output] == pytest.approx(expected, rel=1e-3, abs=1e-3 * float(np.abs(expected).max())), output

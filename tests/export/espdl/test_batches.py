"""Calibration in batches, for a chip that sees one image at a time."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np
import onnx
import pytest

from uhd.export.espdl.config import EspdlConfig
from uhd.export.espdl.export import export_espdl
from uhd.export.espdl.prepare import Prepared
from uhd.export.espdl.quantise import Quantisation, quantise
from uhd.export.espdl.record import describe
from uhd.export.espdl.source import open_source
from uhd.load import load

pytestmark = pytest.mark.usefixtures("esp_ppq")

IMAGES = np.random.default_rng(3).random((4, 3, 32, 32), dtype=np.float32)


@pytest.mark.slow
def test_batches_of_two_find_the_same_ranges(prepared: Prepared) -> None:
    how = Quantisation("c", algorithm="minmax", equalise=False)
    found = [quantise(prepared.model, IMAGES, dataclasses.replace(how, batch_size=size)) for size in (1, 2)]
    assert describe(found[0].graph) == describe(found[1].graph)


@pytest.mark.parametrize("size", [1, 2])
def test_calibrated_in_batches_the_chip_still_sees_one_image(
    size: int, checkpoint: Path, photographs: Path, tmp_path: Path
) -> None:
    """Also where layers are fitted and biases corrected, image by image."""
    config = EspdlConfig(image_dir=photographs, calib_steps=2, batch_size=size, calib_algorithm="minmax")
    done = export_espdl(*open_source(checkpoint, config), tmp_path / "m.espdl", config, lambda _: None)
    shapes = re.findall(r"\[INT8, (\d+)x(\d+)x(\d+)x3\]", done.files[1].read_text())
    assert shapes[0] == ("1", "32", "32")
    graph = onnx.load(str(done.files[3])).graph
    assert [each.type.tensor_type.shape.dim[0].dim_value for each in graph.input] == [1]
    assert len(load(done.files[0]).predictor.infer(IMAGES)) == len(IMAGES)

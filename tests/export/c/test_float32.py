"""Float C against onnxruntime: every architecture that can be written, every way of reading its output."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.export.c.conftest import drawing, in_c, in_onnxruntime, needs_compiler, noise, spec_for, write_float
from tests.export.conftest import CONFIGS, FAMILIES, make_family, make_model
from uhd.models.network import DetectorNetwork
from uhd.runtime.predictor import Prediction

pytestmark = needs_compiler


def check_equal(ours: Prediction, theirs: Prediction, tolerance: float = 1e-4) -> None:
    assert ours[0].shape == theirs[0].shape
    assert np.abs(ours[1] - theirs[1]).max() < tolerance
    scale = np.maximum(1, np.abs(theirs[0]))
    assert (np.abs(ours[0] - theirs[0]) / scale).max() < tolerance


def compare(model: DetectorNetwork, folder: Path, size: tuple[int, int] = (32, 32)) -> None:
    spec = spec_for(model, size)
    ours, theirs = in_c(write_float(model, spec, folder)), in_onnxruntime(model, spec, folder)
    for image in (noise((50, 40)), drawing((64, 80))):
        batch = ours.preprocess([image])
        check_equal(ours.infer(batch)[0], theirs.infer(batch)[0])
        found = ours.detect(image, 0.01)
        expected = theirs.predict([image], 0.01)[0]
        assert len(found) == len(expected) > 0
        np.testing.assert_array_equal(found.class_ids, expected.class_ids)
        np.testing.assert_allclose(found.scores, expected.scores, atol=1e-5)
        np.testing.assert_allclose(found.xyxy, expected.xyxy, atol=2e-3)


@pytest.mark.parametrize("name", CONFIGS)
def test_ultratinyod_equals_onnxruntime(name: str, tmp_path: Path) -> None:
    compare(make_model(name, width=5), tmp_path)


@pytest.mark.parametrize("name", [name for name in FAMILIES if not name.startswith("transformer")])
def test_other_families_equal_onnxruntime(name: str, tmp_path: Path) -> None:
    compare(make_family(name), tmp_path)

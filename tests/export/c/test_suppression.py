"""The C of a detector judges duplicates by the rule of the host, equality included."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

from tests.export.c.conftest import STRICT, needs_compiler, spec_for, write_float
from tests.export.conftest import make_model
from uhd.export.c.predictor import build
from uhd.nms.overlap import duplicates

pytestmark = needs_compiler


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    folder = tmp_path_factory.mktemp("suppression")
    network = make_model("iou_aware", width=5)
    source = folder / "open.c"
    write_float(network, spec_for(network), folder)
    # The rule is a static function of the file.
    body = "{ return duplicates(a, b, iou); }"
    source.write_text(f'#include "net.c"\nint same(const float *a, const float *b, float iou) {body}\n')
    opened = ctypes.CDLL(str(build(source, folder / "open.so", (*STRICT, "-shared", "-fPIC"))))
    floats = np.ctypeslib.ndpointer(np.float32, flags="C")
    opened.same.argtypes, opened.same.restype = [floats, floats, ctypes.c_float], ctypes.c_int
    return opened


def test_an_iou_of_exactly_the_threshold_is_a_duplicate(library: ctypes.CDLL) -> None:
    a, b = np.array([[0, 0, 1, 1], [0, 0, 0.5, 1]], np.float32)
    above = float(np.nextafter(np.float32(0.5), np.float32(1)))
    assert [library.same(a, b, iou) for iou in (0.5, above)] == [1, 0]


@pytest.mark.parametrize("iou", [0.25, 0.5, 0.75])
def test_boxes_of_a_raster_are_judged_as_on_the_host(library: ctypes.CDLL, iou: float) -> None:
    rng = np.random.default_rng(0)
    corner = rng.integers(0, 8, (40, 2))
    # Sides of 0 too.
    boxes = (np.concatenate([corner, corner + rng.integers(0, 9, (40, 2))], 1) / 16).astype(np.float32)
    found = [[library.same(a, b, iou) == 1 for b in boxes] for a in boxes]
    np.testing.assert_array_equal(found, duplicates(boxes, boxes, iou))

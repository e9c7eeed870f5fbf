"""The named sizes that lie in the repository run as they are, whatever their input."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import uhd
from uhd.read import read_image

ROOT = Path(__file__).parent.parent
ZOO = sorted((ROOT / "uhd" / "weights" / "zoo").glob("*.onnx"))
FLOAT = [path for path in ZOO if uhd.load(path).spec.precision == "float32"]


def test_the_table_names_them() -> None:
    page = (ROOT / "docs" / "zoo.md").read_text(encoding="utf-8")
    assert len(ZOO) == 9
    for path in ZOO:
        size, kind = path.stem.split("_", 2)[1:]
        assert (path.name if size == "lite0" else f"| {size[1:]} | {kind} |") in page


@pytest.mark.parametrize("path", ZOO, ids=[path.stem for path in ZOO])
def test_it_runs_and_says_what_it_is(path: Path) -> None:
    detector = uhd.load(path)
    kind = path.stem.split("_", 2)[2]
    suffix = "" if kind == "rgb" else f"_{kind}"
    assert detector.spec.resize_mode == f"opencv_inter_nearest{suffix}"
    # What began with weights of others keeps their licence.
    assert detector.spec.licence == ("Apache-2.0" if "lite0" in path.stem else "MIT")
    metrics = detector.spec.metrics or json.loads(detector.spec.extra["float_metrics"])  # on eight bits: of its origin
    assert 0 < metrics["AP50"] < 1
    found = detector(read_image(ROOT / "examples" / "astronaut.jpg"), 0.05)
    assert len(found) > 0


def test_the_smallest_in_colour_finds_the_astronaut() -> None:
    image = read_image(ROOT / "examples" / "astronaut.jpg")
    found = uhd.load(ROOT / "uhd" / "weights" / "zoo" / "ultratinyod_w16_rgb.onnx")(image, 0.2)
    left, top, right, bottom = found.xyxy[0] / 512
    assert (right - left) * (bottom - top) > 0.3


@pytest.mark.parametrize("path", FLOAT, ids=[path.stem for path in FLOAT])
def test_the_checkpoint_beside_it_is_the_same_network(path: Path) -> None:
    image = read_image(ROOT / "examples" / "astronaut.jpg")
    by_onnx, by_torch = uhd.load(path), uhd.load(path.with_suffix(".safetensors"))
    assert by_torch.spec.metrics == by_onnx.spec.metrics
    assert (by_torch.spec.licence, by_torch.spec.version) == ("MIT", by_onnx.spec.version)
    one = by_onnx(image, 0.05)
    other = by_torch(image, 0.05)[: len(one)]  # the ONNX file keeps the best 100 before duplicates are dropped
    assert abs(one.scores - other.scores).max() < 1e-5
    assert abs(one.xyxy - other.xyxy).max() < 0.01

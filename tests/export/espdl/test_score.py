"""The table of accuracies, and the float graph behind the interface of every runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from uhd.card import ModelSpec
from uhd.compress.score import Score, labelled, score, to_text
from uhd.errors import UserError
from uhd.evaluation.dataset import evaluate_dataset
from uhd.export.espdl.config import EspdlConfig
from uhd.export.espdl.float_graph import FloatGraph
from uhd.export.espdl.prepare import Prepared
from uhd.export.espdl.simulator import RawMapPredictor, constants_to_metadata, read_constants
from uhd.export.espdl.source import open_source
from uhd.export.espdl.target import SIMULATED
from uhd.runtime.onnx import OnnxPredictor


def test_the_float_graph_predicts_as_the_file_does(parts: Path, prepared: Prepared, photographs: Path) -> None:
    ours = RawMapPredictor(FloatGraph(prepared.model).run, prepared.constants, prepared.metadata)
    theirs = OnnxPredictor(parts)
    assert ours.spec == theirs.spec
    images = np.random.default_rng(0).random((3, 3, 32, 32), dtype=np.float32)
    for (boxes, scores), (other_boxes, other_scores) in zip(ours.infer(images), theirs.infer(images), strict=True):
        assert np.abs(boxes - other_boxes).max() < 1e-5
        assert np.abs(scores - other_scores).max() < 1e-5
    dataset = labelled(photographs, ours.spec, (0,))
    assert [record.image.name for record in dataset.records] == [f"p{i}.png" for i in range(6, 10)]
    metrics = evaluate_dataset(theirs, dataset).metrics
    found = score("float", ours, dataset)
    assert (found.ap50, found.ap) == pytest.approx((metrics["AP50"], metrics["AP"]), abs=1e-4)


def test_a_checkpoint_and_its_onnx_are_the_same_source(checkpoint: Path, parts: Path) -> None:
    images = np.random.default_rng(0).random((2, 3, 32, 32), dtype=np.float32)
    found = []
    for path in (checkpoint, parts):
        prepared, spec = open_source(path, EspdlConfig())
        assert spec.input_size == (32, 32)
        assert spec.conf_thresh == 0.25
        found.append(FloatGraph(prepared.model).run(images))
    assert all(np.array_equal(found[0][name], found[1][name]) for name in found[0])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"img_size": (64, 64)}, "takes 32x32 images, not 64x64"),
        ({"resize_mode": "opencv_inter_nearest_yuv422"}, "takes 3 channels but --resize-mode .* gives 2"),
    ],
)
def test_flags_that_contradict_the_model(parts: Path, settings: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        open_source(parts, EspdlConfig(**settings))  # type: ignore[arg-type]


def test_outputs_of_something_else() -> None:
    with pytest.raises(UserError, match="outputs y are not those of a detector"):
        RawMapPredictor(lambda batch: {"y": batch}, {}, ModelSpec().to_metadata())


def test_constants_survive_as_text() -> None:
    values = {"anchors": np.random.default_rng(0).random((8, 2), dtype=np.float32)}
    found = read_constants(constants_to_metadata(values))
    assert list(found) == ["anchors"]
    assert np.array_equal(found["anchors"], values["anchors"])


def test_the_table_shows_the_loss() -> None:
    scores = [Score("float", 0.3, 0.12), Score("int8", 0.25, 0.1), Score("int16", 0.31, 0.12)]
    text = to_text(scores, 366, SIMULATED)
    header, first, second, third = text.splitlines()
    assert "366 images" in header
    assert "simulated" in header
    assert first.split() == ["float", "0.3000", "0.1200"]
    assert second.split() == ["int8", "0.2500", "-0.0500", "0.1000", "-0.0200"]
    assert third.split() == ["int16", "0.3100", "+0.0100", "0.1200", "+0.0000"]

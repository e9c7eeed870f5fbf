from __future__ import annotations

import contextlib
import io
import sys

import numpy as np
import pytest

from uhd.errors import UserError
from uhd.evaluation.coco import coco_numbers, to_coco
from uhd.evaluation.evaluate import evaluate

from .conftest import make_scene

pytest.importorskip("faster_coco_eval")


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("classes", [1, 3])
def test_equals_pycocotools(seed: int, classes: int) -> None:
    pycoco = pytest.importorskip("pycocotools.coco")
    cocoeval = pytest.importorskip("pycocotools.cocoeval")
    predictions, truths = make_scene(np.random.default_rng(seed), 40, classes)
    ours = coco_numbers(predictions, truths, classes)
    truth, results = to_coco(predictions, truths, classes)
    with contextlib.redirect_stdout(io.StringIO()):
        reference = pycoco.COCO()
        reference.dataset = truth
        reference.createIndex()
        evaluation = cocoeval.COCOeval(reference, reference.loadRes(results), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    assert list(ours.values()) == pytest.approx(evaluation.stats.tolist(), abs=1e-9)
    assert 0.02 < ours["AP50"] < 0.95


def test_agrees_with_our_own_ap50_up_to_the_interpolation() -> None:
    predictions, truths = make_scene(np.random.default_rng(2), 60, ignore=False)
    ours = evaluate(predictions, truths).metrics
    theirs = coco_numbers(predictions, truths, 1)
    assert theirs["AP50"] == pytest.approx(ours["AP50"], abs=0.01)
    assert theirs["AP"] == pytest.approx(ours["AP"], abs=0.01)


def test_nothing_found() -> None:
    predictions, truths = make_scene(np.random.default_rng(2), 3)
    nothing = [(b[:0], s[:0]) for b, s in predictions]
    assert set(coco_numbers(nothing, truths, 1).values()) == {0.0}


def test_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faster_coco_eval", None)
    with pytest.raises(UserError, match="pip install"):
        coco_numbers([], [], 1)

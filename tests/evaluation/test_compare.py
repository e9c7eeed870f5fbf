"""Models side by side: rows, timing, and a difference that does not depend on order or form."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from uhd.card import ModelSpec
from uhd.cli import main
from uhd.data.config import DataConfig
from uhd.data.open import open_data, read_dataset
from uhd.evaluation.compare import compare, difference, to_text
from uhd.model_file import model_file
from uhd.runtime.predictor import Prediction, Predictor
from uhd.runtime.timing import time_interleaved

RNG = np.random.default_rng(0)


def prediction(n: int = 20, classes: int = 2) -> tuple[np.ndarray, np.ndarray]:
    low = RNG.uniform(0, 0.6, (n, 2)).astype(np.float32)
    boxes = np.concatenate([low, low + RNG.uniform(0.1, 0.3, (n, 2)).astype(np.float32)], 1)
    return boxes, RNG.uniform(0, 1, (n, classes)).astype(np.float32)


def test_order_and_leftover_candidates_do_not_count() -> None:
    boxes, scores = prediction()
    order = RNG.permutation(len(boxes))
    assert difference((boxes, scores), (boxes[order], scores[order])) == 0
    faint = np.concatenate([boxes, boxes[:3]]), np.concatenate([scores, np.full((3, 2), 0.04, np.float32)])
    assert difference((boxes, scores), faint) == 0


def test_the_largest_change_of_a_score_or_a_side() -> None:
    boxes, scores = (
        np.array([[0.1, 0.1, 0.3, 0.5], [0.6, 0.6, 0.9, 0.9]], np.float32),
        np.array([[0.9], [0.4]], np.float32),
    )
    assert difference((boxes, scores), (boxes, scores - np.float32(0.01))) == pytest.approx(0.01, abs=1e-6)
    moved = boxes.copy()
    moved[1, 2] += 0.03
    assert difference((boxes, scores), (moved, scores)) == pytest.approx(0.03, abs=1e-6)


def test_a_missing_detection_counts_its_score() -> None:
    boxes, scores = (
        np.array([[0.1, 0.1, 0.3, 0.5], [0.6, 0.6, 0.9, 0.9]], np.float32),
        np.array([[0.9], [0.3]], np.float32),
    )
    assert difference((boxes, scores), (boxes[:1], scores[:1])) == pytest.approx(0.3)
    nothing = np.zeros((0, 4), np.float32), np.zeros((0, 1), np.float32)
    assert difference((boxes, scores), nothing) == pytest.approx(0.9)
    assert difference(nothing, (boxes, scores)) == pytest.approx(0.9)
    assert difference(nothing, nothing) == 0


def test_a_class_that_the_other_does_not_have() -> None:
    boxes = np.array([[0.1, 0.1, 0.3, 0.5]], np.float32)
    two, one = np.array([[0.1, 0.7]], np.float32), np.array([[0.1]], np.float32)
    assert difference((boxes, two), (boxes, one)) == pytest.approx(0.7)


def test_timing_takes_turns_and_stops_in_time() -> None:
    calls: list[str] = []
    taken = time_interleaved({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, 10, 2)
    assert calls == ["a", "b"] * 12
    assert set(taken) == {"a", "b"}
    assert 0 <= taken["a"]["p50"] <= taken["a"]["p95"]
    calls.clear()
    time_interleaved({"a": lambda: calls.append("a")}, 1000, 0, seconds=0)
    assert 5 <= len(calls) < 20


@pytest.fixture
def people_drawn(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    for i in range(6):
        image = np.full((60, 80, 3), 40 * i, np.uint8)
        cv2.imwrite(str(tmp_path / "data" / f"{i}.png"), image)
        (tmp_path / "data" / f"{i}.txt").write_text("0 0.5 0.5 0.2 0.4\n")
    return tmp_path / "data"


def test_the_command(people_drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch")
    shipped = model_file("small")
    flags = ["--data", str(people_drawn), "--split", "all", "--runs", "5", "--json", str(tmp_path / "t.json")]
    assert main(["compare", str(shipped), str(shipped.with_suffix(".safetensors")), *flags]) == 0
    out = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in out[-3:]] == ["model", shipped.name, f"{shipped.stem}.safetensors"]
    table = json.loads((tmp_path / "t.json").read_text())
    first, second = table["models"]
    assert (first["difference"], table["images"]) == (0, 6)
    assert second["difference"] < 1e-4
    assert (first["ap50"], first["size"]) == (pytest.approx(second["ap50"], abs=0.01), shipped.stat().st_size)
    assert all(
        row[stage]["p95"] >= row[stage]["p50"] > 0 for row in (first, second) for stage in ("pre", "model", "post")
    )


class Sees(Predictor):
    """A model that finds one box everywhere, of one score."""

    def __init__(self, score: float) -> None:
        self.spec, self.score = ModelSpec(), score

    def infer(self, batch: np.ndarray) -> list[Prediction]:
        found = np.array([[0.1, 0.1, 0.3, 0.5]], np.float32), np.array([[self.score]], np.float32)
        return [found] * len(batch)


def test_where_nothing_is_detected_no_difference_is_claimed(people_drawn: Path) -> None:
    config = DataConfig(image_dir=people_drawn)
    opened = open_data(config, divide=False)
    dataset = read_dataset(opened.train, config, opened.report, progress=False)
    models = {"a": Sees(0.01), "b": Sees(0.02), "c": Sees(0.3)}
    rows = compare(models, dict.fromkeys(models, 1), dataset, runs=1)
    assert [row.difference for row in rows] == [None, None, pytest.approx(0.29)]
    lines = to_text(rows).splitlines()
    assert [line.split()[-1] for line in lines[1:4]] == ["-", "-", "2.9e-01"]
    assert "nothing to compare" in lines[4]
    assert "nothing to compare" not in to_text(rows[2:])
    assert json.loads(json.dumps(rows[0].to_dict()))["difference"] is None


def test_threads_and_tiles_are_measured_and_ranked(people_drawn: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--data", str(people_drawn), "--split", "all", "--runs", "5", "--threads", "1,2", "--tiles", "0,5"]
    assert main(["compare", str(model_file("small")), *flags, "--advise", "--json", "-"]) == 0
    table = json.loads(capsys.readouterr().out)
    stem = model_file("small").name
    names = [f"{stem}, {threads} thread(s), {tiles}" for threads in (1, 2) for tiles in ("no tiles", "5 tiles")]
    assert [row["name"] for row in table["models"]] == names
    assert table["threads"] == [1, 2]
    once, tiled = table["models"][:2]
    assert (tiled["pre"]["p50"], once["pre"]["p50"] > 0) == (0, True)
    assert tiled["model"]["p50"] > once["model"]["p50"]
    assert [table["models"][i]["ap"] for i in (2, 3)] == [once["ap"], tiled["ap"]]
    assert sum(name in line for line in table["advice"] for name in names) >= 4


@pytest.mark.parametrize(("arguments", "message"), [(["--data", "d"], "which models"), (["a.onnx"], "--data")])
def test_what_is_missing(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", *arguments]) == 2
    assert message in capsys.readouterr().err

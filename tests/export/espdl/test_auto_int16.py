"""The search takes the layers whose 16 bits bring the predictions closest to the float model's."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uhd.export.espdl.auto_int16 import disagreement, search_layers, tie_outputs
from uhd.runtime.predictor import Prediction

UNITS = {name: (f"{name}/conv", f"{name}/relu") for name in "abcdef"}
Measure = Callable[[frozenset[str]], float]


def additive(gains: dict[str, float], calls: list[frozenset[str]] | None = None) -> Measure:
    def measure(nodes: frozenset[str]) -> float:
        if calls is not None:
            calls.append(nodes)
        return 10 - sum(gain for name, gain in gains.items() if set(UNITS[name]) <= nodes)

    return measure


def test_the_best_layers_in_order() -> None:
    gains = {"a": 0.5, "b": 3.0, "c": 1.0, "d": 0.1, "e": 2.0, "f": -1.0}
    found = search_layers(UNITS, additive(gains), 3)
    assert [step.layer for step in found.steps] == ["b", "e", "c"]
    assert [step.disagreement for step in found.steps] == pytest.approx([7, 5, 4])
    assert (found.before, found.every) == (10, pytest.approx(4.4))
    assert found.nodes == {"b/conv", "b/relu", "e/conv", "e/relu", "c/conv", "c/relu"}
    assert [line.split()[0] for line in found.to_text().splitlines()[1:]] == ["none", "b", "e", "c", "every"]


def test_it_stops_when_nothing_helps_any_more() -> None:
    found = search_layers(UNITS, additive({"a": 1.0, "b": 0.0, "c": -1.0}), 6)
    assert [step.layer for step in found.steps] == ["a"]


def test_gains_that_shrink_are_measured_again() -> None:
    """b alone gains more than c, but nothing once a is chosen."""

    def measure(nodes: frozenset[str]) -> float:
        has = {name for name in UNITS if set(UNITS[name]) <= nodes}
        return 10 - 3 * bool(has & {"a"}) - 2.9 * bool(has & {"b"} and "a" not in has) - 1 * bool("c" in has)

    assert [step.layer for step in search_layers(UNITS, measure, 2).steps] == ["a", "c"]


@settings(deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=6, max_size=6), st.integers(0, 6))
def test_as_good_as_trying_everything(gains: list[float], count: int) -> None:
    calls: list[frozenset[str]] = []
    table = dict(zip(UNITS, gains, strict=True))
    found = search_layers(UNITS, additive(table, calls), count)
    best = sorted((gain for gain in gains if gain > 0), reverse=True)[:count]
    last = found.steps[-1].disagreement if found.steps else found.before
    assert last == pytest.approx(10 - sum(best), abs=1e-6)
    assert found.tried == len(calls)
    assert len(calls) <= 2 + len(UNITS) + 2 * max(1, count) * len(UNITS)


def predictions(seed: int, count: int = 5) -> list[Prediction]:
    rng = np.random.default_rng(seed)
    corner, size = rng.uniform(0, 0.5, (2, count, 2)).astype(np.float32)
    return [(np.concatenate([corner, corner + size + 0.01], 1), rng.random((count, 2)).astype(np.float32))]


def test_disagreement_of_equal_predictions_is_nothing() -> None:
    assert disagreement(predictions(0), predictions(0)) == pytest.approx(0, abs=1e-6)


def test_disagreement_counts_scores_and_boxes() -> None:
    boxes = np.array([[0, 0, 1, 1], [0, 0, 0.5, 1]], np.float32)
    half = np.array([[0, 0, 0.5, 1], [0, 0, 0.5, 1]], np.float32)
    scores = np.array([[0.8, 0.1], [0.0, 0.0]], np.float32)
    assert disagreement([(boxes, scores)], [(boxes, scores * 0.5)]) == pytest.approx(0.4)
    assert disagreement([(boxes, scores)], [(half, scores)]) == pytest.approx(0.8 * 0.5)
    # What neither sees does not count, wherever its box is.
    moved = boxes.copy()
    moved[1] = (0.5, 0.5, 0.6, 0.6)
    assert disagreement([(boxes, scores)], [(moved, scores)]) == pytest.approx(0)
    # The mean over images.
    assert disagreement([(boxes, scores)] * 2, [(half, scores), (boxes, scores)]) == pytest.approx(0.2)


def test_peaks_that_come_and_go_are_paired_by_overlap() -> None:
    """Their order says nothing; one without a partner costs its score and, as nothing overlaps it, its score again."""
    boxes = np.array([[0, 0, 0.2, 0.2], [0.5, 0.5, 0.7, 0.7], [0.8, 0, 1, 0.2]], np.float32)
    scores = np.array([[0.9], [0.5], [0.25]], np.float32)
    none = (np.zeros((0, 4), np.float32), np.zeros((0, 1), np.float32))
    swapped = (boxes[[1, 0]], scores[[1, 0]])
    assert disagreement([(boxes, scores)], [swapped]) == pytest.approx(2 * 0.25)
    assert disagreement([swapped], [(boxes, scores)]) == pytest.approx(2 * 0.25)
    assert disagreement([(boxes, scores)], [(boxes[[1, 0]], scores[[1, 0]] * 0.5)]) == pytest.approx(0.7 + 2 * 0.25)
    assert disagreement([(boxes, scores), none], [none, none]) == pytest.approx(2 * 1.65 / 2)


def graph_of(outputs: dict[str, str], sources: dict[str, tuple[str, list[str]]]) -> SimpleNamespace:
    """A graph as esp-ppq has it: output -> node, and node -> its type and the nodes before it."""

    def node(name: str) -> SimpleNamespace:
        kind, before = sources[name]
        inputs = [SimpleNamespace(source_op=node(each)) for each in before] or [SimpleNamespace(source_op=None)]
        return SimpleNamespace(name=name, type=kind, inputs=inputs)

    return SimpleNamespace(outputs={name: SimpleNamespace(source_op=node(end)) for name, end in outputs.items()})


def test_outputs_are_one_candidate() -> None:
    ends = {"box": ("Conv", ["stem"]), "quality": ("Conv", ["stem"]), "cls": ("Conv", ["stem"]), "stem": ("Conv", [])}
    graph = graph_of({name: name for name in ("box", "quality", "cls")}, ends)
    units = {"stem": ("stem", "relu"), **{name: (name,) for name in ("box", "quality", "cls")}}
    tied = tie_outputs(units, graph)
    assert tied == {"box + quality + cls": ("box", "quality", "cls"), "stem": ("stem", "relu")}
    # What is in 16 bits already is no candidate, and one output alone is a layer like the others.
    assert tie_outputs({"stem": ("stem",), "cls": ("cls",)}, graph) == {"stem": ("stem",), "cls": ("cls",)}
    other = graph_of({"hm": "box", "wh": "quality"}, ends)
    assert tie_outputs(units, other) == units


def test_an_output_that_was_cut_is_tied_with_its_join() -> None:
    ends: dict[str, tuple[str, list[str]]] = {
        "join": ("Concat", ["part0", "part1"]), "part0": ("Conv", []), "part1": ("Conv", []), "quality": ("Conv", []),
    }  # fmt: skip
    graph = graph_of({"box": "join", "quality": "quality"}, ends)
    (nodes,) = tie_outputs({name: (name,) for name in ("part0", "part1", "quality")}, graph).values()
    assert sorted(nodes) == ["join", "part0", "part1", "quality"]

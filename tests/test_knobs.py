"""Every knob of every configuration is read by something, and its defaults and search range lie in its range."""

from __future__ import annotations

import ast
import dataclasses
import importlib
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from uhd.config import PRESETS, knob_of, preset, validate

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "uhd").rglob("*.py"))
# Knobs that nothing reads yet. Empty, or the command line takes flags that do nothing.
UNREAD: set[str] = set()


@cache
def kinds() -> list[type[Any]]:
    """Return every configuration of the package: a dataclass with a knob."""
    found: dict[type[Any], None] = {}
    for path in SOURCES:
        if "knob(" not in path.read_text(encoding="utf-8") or path.parent.name == "config":
            continue
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for value in vars(importlib.import_module(name)).values():
            if isinstance(value, type) and dataclasses.is_dataclass(value) and value.__module__ == name:
                found |= {value: None} if any("knob" in field.metadata for field in dataclasses.fields(value)) else {}
    return list(found)


@cache
def attributes_read() -> frozenset[str]:
    """Return the names of all attributes that the package reads. A declaration is none: it stands in a class body."""
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES)
    nodes = (node for tree in trees for node in ast.walk(tree))
    return frozenset(node.attr for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load))


def test_every_knob_is_read() -> None:
    assert len(kinds()) > 20
    unread = {
        f"{kind.__name__}.{field.name}"
        for kind in kinds()
        for field in dataclasses.fields(kind)
        if "knob" in field.metadata and not knob_of(field).ineffective and field.name not in attributes_read()
    }
    assert unread == UNREAD


@pytest.mark.parametrize("name", ["conf_thresh", "nms_iou", "img_size"])
def test_shared_knobs_are_written_down_once(name: str) -> None:
    """The other fields of that name are made with :func:`same_knob`."""
    declared = [
        str(path.relative_to(ROOT))
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == name
        if isinstance(node.value, ast.Call) and ast.unparse(node.value.func) == "knob"
    ]
    assert declared == ["uhd/config/groups.py"]


def test_flags_without_effect_are_read_by_nothing() -> None:
    effective = {f.name for kind in kinds() for f in dataclasses.fields(kind) if not knob_of(f).ineffective}
    idle = {f.name for kind in kinds() for f in dataclasses.fields(kind) if knob_of(f).ineffective}
    assert idle
    assert (idle - effective) & attributes_read() == set()


@pytest.mark.parametrize("name", PRESETS)
def test_defaults_are_in_range(name: str) -> None:
    for kind in kinds():
        validate(preset(kind, name), kind.__name__)
        for field in dataclasses.fields(kind):
            assert set(knob_of(field).presets) <= set(PRESETS), f"{kind.__name__}.{field.name}"


def test_searches_stay_in_range() -> None:
    searched = [(kind, field) for kind in kinds() for field in dataclasses.fields(kind) if knob_of(field).search]
    assert len(searched) > 20
    for kind, field in searched:
        search = knob_of(field).search
        assert search is not None
        assert search.low < search.high
        assert search.low > 0 or not search.log, f"{kind.__name__}.{field.name}: ratios need numbers above 0"
        whole = isinstance(getattr(preset(kind), field.name), int)
        for end in (search.low, search.high):
            validate(preset(kind, **{field.name: int(end) if whole else end}), f"{kind.__name__}.{field.name}")

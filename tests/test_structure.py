"""The shape of the code: short files and functions, names that say what they do, docstrings with shapes and units."""

from __future__ import annotations

import ast
import re
import statistics
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[1]
# What reviewers looked for in vain: a participle names neither an act nor a thing.
PARTICIPLES = {"started", "arranged", "lonely", "counted", "fitted", "recorded"}
NO_ROOMS = {"utils", "helpers", "common", "misc", "core"}
ARRAYS = re.compile(r"\b(NDArray|Tensor|Array|Image|Boxes)\b")
# A shape such as (N, 4), (..., h, w) or (B, A * no, h, w); a unit; a range. Prose in brackets is none.
SIDE = (
    r"(?:\.\.\.|\d*[A-Za-z]['\d]?|\d+"
    r"|(?:[HW] */ *)?(?:s|stride)"
    r"|height|width|in_channels|channels|cin|cout|in|out|heads|count|classes|attributes|no|n_out)"
)
SUM = rf"{SIDE}(?: [*+] {SIDE})*"
SAYS = re.compile(
    rf"[(\[]{SUM}(?:, {SUM})+[)\]]|\({SUM},\)|\([A-Z]\)|\[0, 1\]"
    r"|\b(?:0|-1) to \d|\bpixels?\b|\bnormalised\b|\bdegrees\b|\bradians\b|\bmilliseconds\b"
)
# Rooms whose formulas are published elsewhere; every file there that holds one links its paper.
PUBLISHED = ("losses", "assigners", "nms", "models")


@cache
def trees() -> dict[str, ast.Module]:
    paths = sorted((ROOT / "uhd").rglob("*.py"))
    return {str(path.relative_to(ROOT)): ast.parse(path.read_text(encoding="utf-8")) for path in paths}


def functions() -> Iterator[tuple[str, ast.FunctionDef, ast.ClassDef | None]]:
    """Yield every function of a module or a class with its file and class."""
    for file, tree in trees().items():
        for node in tree.body:
            for child in node.body if isinstance(node, ast.ClassDef) else [node]:
                if isinstance(child, ast.FunctionDef):
                    yield file, child, node if isinstance(node, ast.ClassDef) else None


def lines_of(file: str) -> int:
    return len((ROOT / file).read_text(encoding="utf-8").splitlines())


def test_files_are_short() -> None:
    lengths = {file: lines_of(file) for file in trees()}
    assert statistics.median(lengths.values()) <= 110
    assert {file: length for file, length in lengths.items() if length > 320} == {}


def test_functions_are_short() -> None:
    every = ((file, node) for file, tree in trees().items() for node in ast.walk(tree))
    long = {
        f"{file}::{node.name}": (node.end_lineno or 0) - node.lineno + 1
        for file, node in every
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (node.end_lineno or 0) - node.lineno >= 60
    }
    assert long == {}


def test_names_say_what_they_do() -> None:
    every = (node for tree in trees().values() for node in ast.walk(tree))
    names = {node.name for node in every if isinstance(node, ast.FunctionDef)}
    assert names & PARTICIPLES == set()
    parts = {part.removesuffix(".py") for file in trees() for part in file.split("/")}
    assert parts & NO_ROOMS == set()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Decode (N, 4) boxes.", True), ("Map (B, C, H, W) to (B, cout, H/s, W/s).", True), ("scores (K,)", True),
        ("The raw map (B, A * no, h, w).", True), ("Levels 0 to 255.", True), ("In pixels.", True),
        ("Focal loss (Lin et al., 2017).", False), ("Pairs (rows, columns).", False), ("In cells, as IoU.", False),
    ],
)  # fmt: skip
def test_shapes_are_told_from_prose(text: str, says: bool) -> None:
    assert (SAYS.search(text) is not None) == says


def test_docstrings_say_shapes_units_or_ranges() -> None:
    """What a class says does not count for its methods."""
    silent = []
    total = 0
    for file, function, owner in functions():
        hints = [argument.annotation for argument in (*function.args.args, *function.args.kwonlyargs)]
        signature = " ".join(ast.unparse(hint) for hint in (*hints, function.returns) if hint is not None)
        private = function.name.startswith("_") and function.name not in ("__call__", "__getitem__")
        if private or (owner is not None and owner.name.startswith("_")) or not ARRAYS.search(signature):
            continue
        total += 1
        if not SAYS.search(ast.get_docstring(function) or ""):
            silent.append(f"{file}::{function.name}")
    assert total > 300
    assert len(silent) <= 0.25 * total, "\n".join(silent)


@pytest.mark.parametrize("room", PUBLISHED)
def test_papers_are_linked(room: str) -> None:
    """A docstring that names a year of publication links the paper."""
    unlinked = []
    for file, tree in trees().items():
        if not file.startswith(f"uhd/{room}/"):
            continue
        nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)]
        texts = [ast.get_docstring(node) or "" for node in nodes]
        if any(re.search(r"\b(19[89]|20[012])\d\b", text) for text in texts) and not any("http" in t for t in texts):
            unlinked.append(file)
    assert unlinked == []


def test_no_circle_between_files() -> None:
    """No file imports itself by way of others, and none names itself so for a type checker."""
    graph = grimp.build_graph("uhd")
    below = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    # What imports nothing that is left is in no circle; repeated until only circles are left.
    while free := [name for name, imported in below.items() if not imported & below.keys()]:
        for name in free:
            del below[name]
    assert below == {}, f"in a circle, or above one: {sorted(below)}"

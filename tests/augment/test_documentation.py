"""The page about augmentation lists every operation and key, as the program has them."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import yaml

from uhd.augment.layout import GEOMETRY, OPERATIONS, read_operations

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "augmentation.md"


def test_the_table_is_up_to_date() -> None:
    script = runpy.run_path(str(ROOT / "docs" / "augmentation_table.py"))
    assert PAGE.read_text(encoding="utf-8") == script["page"](), "run: python docs/augmentation_table.py"
    assert set(script["DIFFERENT"]) == set(OPERATIONS)


def test_the_examples_can_be_read() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        lines: list[str] = []
        assert len(read_operations(yaml.safe_load(block), (0, 1, 2), lines.append)) == 4
        assert lines == []


def test_the_cost_of_every_operation_is_told() -> None:
    cost = PAGE.read_text(encoding="utf-8").split("## What they cost")[1].split("## Validation")[0]
    for name in OPERATIONS:
        assert f"| `{name}` | " in cost, name


def test_the_geometric_operations_are_the_first_of_the_table() -> None:
    words = {9: "nine", 10: "ten", 11: "eleven", 12: "twelve", 13: "thirteen"}
    assert next(iter(OPERATIONS)) == "Mosaic"
    assert tuple(OPERATIONS.values())[1 : 1 + len(GEOMETRY)] == GEOMETRY
    assert f"the first {words[1 + len(GEOMETRY)]} of the table" in PAGE.read_text(encoding="utf-8")

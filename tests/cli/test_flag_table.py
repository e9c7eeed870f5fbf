"""The page for people who come from the original lists every flag, as the program has it."""

from __future__ import annotations

import csv
import runpy
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_is_up_to_date() -> None:
    script = runpy.run_path(str(ROOT / "docs" / "flag_table.py"))
    page = (ROOT / "docs" / "coming-from-uhd.md").read_text(encoding="utf-8")
    assert page == script["page"](), "run: python docs/flag_table.py"
    listed = {(row["script"], row["flag"]) for row in csv.DictReader((ROOT / "tests/cli/original_flags.csv").open())}
    notes = {f"{name} {flag.replace('_', '-')}" for name, flag in listed}
    assert set(script["DIFFERENT"]) <= notes
    for name, flag in listed:
        assert (
            f"`{flag}`" in page
            or "torch_" in flag
            or "opencv_" in flag
            or "keras_" in flag
            or not flag.startswith("--")
        ), (name, flag)

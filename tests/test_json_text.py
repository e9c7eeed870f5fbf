"""JSON for people: what is read back is the same, and an outline is one line."""

from __future__ import annotations

import json

from uhd.json_text import json_text


def test_numbers_of_a_list_stand_on_one_line_and_nothing_changes() -> None:
    table = {
        "mask": [[1, 2, 3, -4.5], [1e-7, True, None]], "text": 'a "[\n 1]" , [1,\n2]', "empty": [],
        "rows": [{"a": [1, 2]}], "names": ["a", "b"],
    }  # fmt: skip
    text = json_text(table)
    assert json.loads(text) == table
    assert "[1, 2, 3, -4.5]" in text
    assert '"a": [1, 2]' in text

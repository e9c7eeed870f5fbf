"""JSON that people can look at: one value per line, but the numbers of a list beside each other."""

from __future__ import annotations

import json
import re
from typing import Any

# No text in JSON holds a line break, so what stands between these brackets is a list; without quotes, one of numbers.
_NUMBERS = re.compile(r'\[\n([^\[\]{}"]*)\n *\]')


def json_text(table: Any) -> str:
    """Return plain values as JSON without a line break at the end; an outline of 500 points is one line, not 1,000.

    Args:
        table: dictionaries, lists, texts and numbers.
    """
    text = json.dumps(table, indent=1)
    return _NUMBERS.sub(lambda found: f"[{' '.join(found.group(1).split())}]", text)

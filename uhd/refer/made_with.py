"""Data sets that a command made say how, so that another one is never written over them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from uhd.errors import UserError


def check_same(target: Path, made: Mapping[str, Any]) -> None:
    """Refuse a file (RefHuman's JSON) that is there already and was not made with these settings.

    Raises:
        UserError: it is another data set.
    """
    if not target.exists():
        return
    try:
        before = json.loads(target.read_text(encoding="utf-8"))["info"]["made_with"]
    except (ValueError, KeyError, TypeError, OSError):
        before = None
    if before != made:
        raise UserError(f"{target}: exists already and is another data set; give another folder")

"""The tables of a COCO annotation file, with ids that meet whatever kind of value the program that wrote it chose."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from uhd.data.problems import DANGLING, Report
from uhd.errors import UserError

_TABLES = {"images": ("id",), "annotations": ("id", "image_id", "category_id"), "categories": ("id",)}


def read_content(path: Path, report: Report | None = None) -> dict[str, Any]:
    """Return the tables of an annotation file; ``7``, ``7.0`` and ``"7"`` are one id.

    Args:
        path: JSON in UTF-8, or in what its byte order mark says.
        report: receives entries that are no objects; they are left out.

    Raises:
        UserError: not a COCO annotation file, or a category has no id.
    """
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file") from None
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: cannot be read as JSON ({error})") from None
    if not isinstance(content, dict) or not all(isinstance(content.get(table), list) for table in _TABLES):
        raise UserError(f"{path}: is no COCO annotation file: needs lists {', '.join(_TABLES)}")
    for table, keys in _TABLES.items():
        entries = [entry for entry in content[table] if isinstance(entry, dict)]
        if len(entries) < len(content[table]) and report is not None:
            for at, entry in enumerate(content[table]):
                if not isinstance(entry, dict):
                    report.problem(DANGLING, f"{path}: {table}[{at}] is {str(entry)[:40]}, not an object")
        for entry in entries:
            for key in keys:
                if type(entry.get(key)) is not int:
                    entry[key] = plain_id(entry.get(key))
        content[table] = entries
    if any(category["id"] is None for category in content["categories"]):
        raise UserError(f"{path}: is no COCO annotation file: a category has no id")
    content["categories"].sort(key=lambda category: (isinstance(category["id"], str), category["id"]))
    return content


def plain_id(value: Any) -> int | str | None:
    """Return an id as the number that it writes, else as its text; None for what is none.

    Example:
        >>> plain_id("7"), plain_id(7.0), plain_id("007"), plain_id([7])
        (7, 7, '007', None)
    """
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str):
        return int(value) if value.isascii() and value.isdecimal() and str(int(value)) == value else value
    return value if isinstance(value, int) else None

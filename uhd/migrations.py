"""Settings of older files: knobs that have other names now, or are gone."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache
from typing import Any

from uhd.config import flag_of
from uhd.errors import nearest

# Table of a checkpoint -> name in it, before the format of that number -> name now; None: the knob is gone, and
# nothing of a finished model depends on it.
RENAMED: dict[str, dict[str, tuple[int, str | None]]] = {}


def settings_of(config_type: type[Any], meta: Mapping[str, Any], key: str, where: str) -> dict[str, Any]:
    """Return the settings that a file holds under a key, by the names of today.

    A setting that nobody knows, as files of a later version have it, is a warning: refusing the file would help nobody.

    Args:
        config_type: dataclass that the settings belong to.
        meta: of the file, with its ``format`` number.
        key: such as ``model_config``.
        where: the file, for the warning.
    """
    table = meta.get(key)
    if not isinstance(table, Mapping):
        return {}
    number = meta.get("format")
    written = number if isinstance(number, int) else 0
    fields = config_type.__dataclass_fields__
    known = {flag_of(field).replace("-", "_") for field in fields.values()} | set(fields)
    found: dict[str, Any] = {}
    for name, value in table.items():
        before, now = RENAMED.get(key, {}).get(name, (0, name))
        name_now = now if written < before else name
        if name_now is None:
            continue
        if name_now.replace("-", "_") in known:
            found[name_now] = value
        else:
            hint = nearest(name_now, known)
            _warn(f"{where}: setting {name_now!r} of its {key} is not known here and left out{hint}")
    return found


@cache
def _warn(line: str) -> None:
    """Print a line once, however often the file is opened."""
    print(line, file=sys.stderr)  # noqa: T201

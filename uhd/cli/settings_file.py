"""Settings as YAML: what ``--print-config`` writes and ``--config`` reads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from uhd.errors import UserError


class _OneLinePerSetting(yaml.SafeDumper):
    """Lists stay on the line of their key."""


_OneLinePerSetting.add_representer(
    list, lambda dumper, value: dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=True)
)


def write_settings(table: Mapping[str, Any]) -> str:
    """Return plain values as YAML, one line each, in their order."""
    return yaml.dump(dict(table), Dumper=_OneLinePerSetting, sort_keys=False, default_flow_style=False, width=10_000)


def read_settings(path: Path | None) -> dict[str, Any]:
    """Return the table that a file holds; an empty one without a file.

    Raises:
        UserError: it cannot be read, or is no table of settings.
    """
    if path is None:
        return {}
    try:
        table = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"--config {path}: {error.strerror}") from None
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"{path}: cannot be read as YAML ({' '.join(str(error).split())})") from None
    if table is not None and not isinstance(table, dict):
        raise UserError(f"{path}: must be a table of settings")
    for key in table or {}:
        if not isinstance(key, str):
            raise UserError(f"{path}: unknown key {key!r}: keys are names of flags")
    return table or {}

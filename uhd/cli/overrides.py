"""Flags that replace what a checkpoint says of its architecture."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Any

from uhd.config import knob_of
from uhd.config.hints import type_hints
from uhd.errors import UserError
from uhd.models import ARCHITECTURES


@cache
def override_config(taken: frozenset[str] = frozenset()) -> type[Any]:
    """Return a configuration class with every knob of every architecture, where None leaves what the file says.

    Args:
        taken: names that mean something else in the command.
    """
    fields: dict[str, tuple[str, Any, Any]] = {}
    for name, architecture in ARCHITECTURES.items():
        hints = type_hints(architecture.config)
        for field in dataclasses.fields(architecture.config):
            rule = knob_of(field)
            if not rule.hidden and field.name not in fields and field.name not in taken:
                group = f"{rule.group or name}: in place of what the file says"
                more = "" if hints[field.name] is bool else " (default: that of the file)"
                rule = dataclasses.replace(rule, group=group, help=f"{rule.help}{more}", presets={})
                empty = dataclasses.field(default=None, metadata={"knob": rule})
                fields[field.name] = (field.name, hints[field.name] | None, empty)
    return dataclasses.make_dataclass("OverrideConfig", list(fields.values()), frozen=True)


def changes_of(config: Any, arch: str) -> dict[str, Any]:
    """Return the fields of an override that were given.

    Raises:
        UserError: one that the architecture does not have.
    """
    given = {name: value for name, value in dataclasses.asdict(config).items() if value is not None}
    known = {field.name for field in dataclasses.fields(ARCHITECTURES[arch].config)}
    for name in given:
        if name not in known:
            raise UserError(f"--{name.replace('_', '-')} is not a setting of {arch}")
    return given

"""Types of a configuration's fields, read once per class: its annotations are text, and reading text is slow."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

_READ: dict[type[Any], Mapping[str, Any]] = {}


def type_hints(kind: type[Any]) -> Mapping[str, Any]:
    """Return the type of every field of a class by its name."""
    if kind not in _READ:
        _READ[kind] = MappingProxyType(typing.get_type_hints(kind))
    return _READ[kind]

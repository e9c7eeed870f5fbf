"""Types of a configuration's fields, read once per class: its annotations are text, and reading text is slow."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any


@cache
def type_hints(kind: type[Any]) -> Mapping[str, Any]:
    """Return the type of every field of a class by its name."""
    return MappingProxyType(typing.get_type_hints(kind))

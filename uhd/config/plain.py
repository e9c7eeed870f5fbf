"""Configurations as plain values, as flags, YAML files and the metadata of checkpoints hold them."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from uhd.config.hints import type_hints
from uhd.config.knob import flag_of, knob_of, setting_name
from uhd.config.ranges import validate
from uhd.errors import UserError, nearest

T = TypeVar("T")


def to_plain(config: Any) -> dict[str, Any]:
    """Return the configuration as values that JSON and YAML can hold (tuples become lists, paths strings)."""
    return {field.name: _plain(getattr(config, field.name)) for field in dataclasses.fields(config)}


def from_plain(config_type: type[T], values: Mapping[str, Any], where: str = "config", base: T | None = None) -> T:
    """Build a configuration from plain values; ``-`` and ``_`` in keys are the same.

    Args:
        config_type: a dataclass made of knobs.
        values: field name -> JSON-like value or text.
        where: named in errors, e.g. the YAML file.
        base: supplies the fields that ``values`` does not name; defaults of the class otherwise.

    Raises:
        UserError: unknown key, wrong type, value out of range.
    """
    fields = {field.name: field for field in dataclasses.fields(config_type)}  # type: ignore[arg-type]
    by_key = {flag_of(field).replace("-", "_"): field for field in fields.values()} | fields
    parsed: dict[str, Any] = {}
    for key, value in values.items():
        field = by_key.get(key.replace("-", "_"))
        if field is None:
            raise UserError(f"{where}: unknown key {key!r}{nearest(key.replace('-', '_'), by_key)}")
        parsed[field.name] = parse_value(config_type, field, value, where)
    config = dataclasses.replace(base, **parsed) if base is not None else config_type(**parsed)  # type: ignore[type-var]
    validate(config, where)
    return config


def parse_value(config_type: type[Any], field: dataclasses.Field[Any], value: Any, where: str) -> Any:
    """Turn a plain value or a flag's text into the type the field declares.

    Raises:
        UserError: the value does not fit the type.
    """
    hint = type_hints(config_type)[field.name]
    name = setting_name(where, field)
    if value is None or (isinstance(value, str) and value.lower() in {"none", "null"} and _optional(hint)):
        if _optional(hint):
            return None
        raise UserError(f"{name} needs a value")
    parse = knob_of(field).parse
    if knob_of(field).repeat and isinstance(value, str):
        value = [value]
    try:
        if parse is not None:
            return parse(value if isinstance(value, str) else _as_text(value))
        return _coerce(hint, value)
    except (TypeError, ValueError) as error:
        raise UserError(f"{name}: {value!r} {error}") from None


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return str(value) if isinstance(value, Path) else value


def _as_text(value: Any) -> str:
    return ",".join(map(_as_text, value)) if isinstance(value, list | tuple) else str(value)


def _optional(hint: Any) -> bool:
    return type(None) in typing.get_args(hint)


def _coerce(hint: Any, value: Any) -> Any:
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        inner = [kind for kind in typing.get_args(hint) if kind is not type(None)]
        return _coerce(inner[0], value)
    if typing.get_origin(hint) is tuple:
        kinds = typing.get_args(hint)
        if isinstance(value, str):
            items = value.replace(",", " ").split()
        else:
            items = list(value) if isinstance(value, list | tuple) else [value]  # one value is a list of one
        if len(kinds) == 2 and kinds[1] is Ellipsis:
            return tuple(_coerce(kinds[0], item) for item in items)
        if len(items) != len(kinds):
            raise ValueError(f"needs {len(kinds)} values")
        return tuple(_coerce(kind, item) for kind, item in zip(kinds, items, strict=True))
    if hint is bool:
        if isinstance(value, bool):
            return value
        if str(value).lower() in {"true", "yes", "on", "1"}:
            return True
        if str(value).lower() in {"false", "no", "off", "0"}:
            return False
        raise ValueError("is not true or false")
    if hint is int:
        if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
            raise ValueError("is not a whole number")
        try:
            return int(value)
        except (TypeError, ValueError):
            raise ValueError("is not a whole number") from None
    if hint is float:
        if isinstance(value, bool):
            raise ValueError("is not a number")
        try:
            return float(value)
        except (TypeError, ValueError):
            raise ValueError("is not a number") from None
    if hint is Path:
        if value == "":  # an unset variable of a shell, which would mean the working directory
            raise ValueError("names no path; the working directory is .")
        return Path(value)
    if hint is str:
        return str(value)
    return value

"""A knob is written down once: name, default, range, help and the original's default, beside the component it sets.

A configuration is a frozen dataclass whose fields are made with :func:`knob`. Command-line flags, YAML keys,
checkpoint and ONNX metadata are all derived from those dataclasses, so they cannot drift apart.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from uhd.errors import UserError, nearest

T = TypeVar("T")
_SAME: Any = object()
PRESETS = ("uhd", "original")


@dataclass(frozen=True)
class Knob:
    """What a configuration field means to a user.

    Attributes:
        help: one line, shown by ``--help``.
        flag: command-line name without dashes, when it differs from the field's name.
        group: heading of ``--help`` under which the flag stands.
        choices: allowed values, or None.
        minimum, maximum: closed range of a number, or None. ``exclusive_minimum`` makes the lower bound open.
        original: default under the preset ``original`` (the project this one takes over from).
        shortcuts: extra switches that set this field to a constant, ``{"torch_nearest": "torch_nearest"}``.
        parse: turns the text of a flag or a YAML scalar into the value; raises ValueError with a reason.
        hidden: not a flag: the value follows from the data or from another knob.
        repeat: the flag may be given several times, one value of a tuple each, commas and all.
    """

    help: str
    flag: str | None = None
    group: str = ""
    choices: tuple[Any, ...] | None = None
    minimum: float | None = None
    maximum: float | None = None
    exclusive_minimum: bool = False
    original: Any = _SAME
    shortcuts: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    parse: Callable[[str], Any] | None = None
    hidden: bool = False
    repeat: bool = False


def knob(default: Any, help: str, **options: Any) -> Any:
    """Declare a configuration field with its default and its :class:`Knob` (see there for ``options``)."""
    return dataclasses.field(default=default, metadata={"knob": Knob(help=help, **options)})


def knob_of(field: dataclasses.Field[Any]) -> Knob:
    """Return the :class:`Knob` of a field; a field declared without :func:`knob` gets an empty one."""
    return typing.cast(Knob, field.metadata.get("knob") or Knob(help=""))


def flag_of(field: dataclasses.Field[Any]) -> str:
    """Return the flag of a field without dashes, words joined by ``-``."""
    return knob_of(field).flag or field.name.replace("_", "-")


def preset(config_type: type[T], name: str = "uhd", **changes: Any) -> T:
    """Build a configuration from the defaults of a preset.

    Args:
        config_type: a dataclass made of knobs.
        name: ``uhd`` (our recipe) or ``original`` (the defaults of the project this one takes over from).
        changes: fields that differ from the preset.

    Raises:
        UserError: the preset is unknown.
    """
    if name not in PRESETS:
        raise UserError(f"unknown preset {name!r}{nearest(name, PRESETS)}: choose from {', '.join(PRESETS)}")
    values: dict[str, Any] = {}
    if name == "original":
        for field in dataclasses.fields(config_type):  # type: ignore[arg-type]
            if knob_of(field).original is not _SAME:
                values[field.name] = knob_of(field).original
    return config_type(**(values | changes))


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
    hint = typing.get_type_hints(config_type)[field.name]
    name = f"{where}: {flag_of(field)}"
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


def validate(config: Any, where: str = "config") -> None:
    """Check choices and ranges of every field.

    Raises:
        UserError: names the flag, the value and what is allowed.
    """
    for field in dataclasses.fields(config):
        rule, value = knob_of(field), getattr(config, field.name)
        name = f"{where}: {flag_of(field)}"
        if value is None:
            continue
        if rule.choices is not None and value not in rule.choices:
            allowed = [str(choice) for choice in rule.choices if choice is not None]
            raise UserError(f"{name}: {value!r} is not one of {', '.join(allowed)}{nearest(str(value), allowed)}")
        for number in value if isinstance(value, tuple) else (value,):
            if isinstance(number, bool) or not isinstance(number, int | float):
                continue
            if not math.isfinite(number):
                raise UserError(f"{name}: {number} is not a finite number")
            low = rule.minimum
            if low is not None and (number < low or (rule.exclusive_minimum and number == low)):
                raise UserError(f"{name}: {number} must be {'above' if rule.exclusive_minimum else 'at least'} {low:g}")
            if rule.maximum is not None and number > rule.maximum:
                raise UserError(f"{name}: {number} must be at most {rule.maximum:g}")


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
        items = value.replace(",", " ").split() if isinstance(value, str) else list(value)
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
        except ValueError:
            raise ValueError("is not a whole number") from None
    if hint is float:
        if isinstance(value, bool):
            raise ValueError("is not a number")
        try:
            return float(value)
        except ValueError:
            raise ValueError("is not a number") from None
    if hint is Path:
        return Path(value)
    if hint is str:
        return str(value)
    return value

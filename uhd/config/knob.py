"""A knob is written down once: name, default of each preset, ranges and help, beside the component it sets."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

_NOT_GIVEN: Any = object()


@dataclass(frozen=True)
class Search:
    """Where a search for a better value looks: between two numbers, even or by ratio, or among the choices.

    Attributes:
        low, high: closed range.
        log: whether steps are ratios.
    """

    low: float
    high: float
    log: bool = False


@dataclass(frozen=True)
class Knob:
    """What a configuration field means to a user.

    Attributes:
        help: one line, shown by ``--help``.
        flag: command-line name without dashes, when it differs from the field's name.
        group: heading of ``--help`` under which the flag stands.
        choices: allowed values, or None.
        minimum, maximum: closed range of a number, or None. ``exclusive_minimum`` makes the lower bound open.
        presets: default by preset, where it is not that of the field; see :data:`uhd.config.PRESETS`.
        search: where ``tune`` looks, or None for a knob that is not searched.
        shortcuts: extra switches that set this field to a constant, ``{"torch_nearest": "torch_nearest"}``.
        parse: turns the text of a flag or a YAML scalar into the value; raises ValueError with a reason.
        hidden: not a flag: the value follows from the data or from another knob.
        repeat: the flag may be given several times, one value of a tuple each, commas and all.
        ineffective: why setting it changes nothing, said when it is set; for flags kept so that old commands run.
    """

    help: str
    flag: str | None = None
    group: str = ""
    choices: tuple[Any, ...] | None = None
    minimum: float | None = None
    maximum: float | None = None
    exclusive_minimum: bool = False
    presets: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    search: Search | None = None
    shortcuts: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    parse: Callable[[str], Any] | None = None
    hidden: bool = False
    repeat: bool = False
    ineffective: str = ""


def knob(
    default: Any, help: str, *, original: Any = _NOT_GIVEN, keras: Any = _NOT_GIVEN, presets: Any = None, **options: Any
) -> Any:
    """Declare a configuration field with its default and its :class:`Knob`.

    Args:
        default: of the preset ``uhd``, and of every other one that is not named.
        help: see :class:`Knob`, as for ``options``.
        original, keras: defaults under those presets; short for entries of ``presets``.
        presets: default by preset.
    """
    named = {"original": original, "keras": keras}
    table = {name: value for name, value in named.items() if value is not _NOT_GIVEN} | dict(presets or {})
    rule = Knob(help=help, presets=table, **options)
    if rule.ineffective:
        rule = dataclasses.replace(rule, help=f"without effect: {rule.ineffective}")
    return dataclasses.field(default=default, metadata={"knob": rule})


def same_knob(config_type: type[Any], name: str, default: Any, **changes: Any) -> Any:
    """Declare a field with the knob of another configuration's field, which keeps name, range and meaning together.

    Args:
        config_type: where the knob is written down.
        name: its field there.
        default: of the new field.
        changes: attributes of the :class:`Knob` that differ, such as ``help`` or ``group``.
    """
    field = next(field for field in dataclasses.fields(config_type) if field.name == name)
    rule = dataclasses.replace(knob_of(field), **({"presets": {}} | changes))
    return dataclasses.field(default=default, metadata={"knob": rule})


def knob_of(field: dataclasses.Field[Any]) -> Knob:
    """Return the :class:`Knob` of a field; a field declared without :func:`knob` gets an empty one."""
    return typing.cast(Knob, field.metadata.get("knob") or Knob(help=""))


def setting_name(where: str, field: dataclasses.Field[Any]) -> str:
    """Return how errors name a setting: by its flag where ``where`` is ``flags``, else by file and key."""
    return f"--{flag_of(field)}".replace("_", "-") if where == "flags" else f"{where}: {flag_of(field)}"


def flag_of(field: dataclasses.Field[Any]) -> str:
    """Return the flag of a field without dashes, words joined by ``-``."""
    return knob_of(field).flag or field.name.replace("_", "-")

"""Command-line flags, YAML files and presets resolved into configuration dataclasses."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar, get_type_hints

import yaml

from uhd.config import PRESETS, flag_of, from_plain, knob_of, preset, to_plain
from uhd.errors import UserError, nearest

T = TypeVar("T")


class PrintedConfig(Exception):
    """``--print-config`` was given: the text has been printed and nothing else is to happen."""


@dataclass(frozen=True, eq=False)
class Resolved:
    """What a command line means.

    Attributes:
        configs: one instance per configuration class.
        typed: field names that the user gave, on the command line or in the YAML file.
        positional: arguments without a flag, by name.
        preset: whose defaults were used.
    """

    configs: dict[type[Any], Any]
    typed: frozenset[str]
    positional: dict[str, Any]
    preset: str

    def __getitem__(self, kind: type[T]) -> T:
        """Return the configuration of one class."""
        config: T = self.configs[kind]
        return config


class Flags:
    """The flags of one command.

    Args:
        program: shown in ``--help``, e.g. ``uhd train``.
        about: what the command does.
        kinds: configuration classes whose knobs become flags.
        default_preset: ``uhd`` or ``original``.
    """

    def __init__(self, program: str, about: str, kinds: Sequence[type[Any]], default_preset: str = "uhd") -> None:
        self.kinds, self.default_preset = tuple(kinds), default_preset
        self.parser = _Parser(
            prog=program, description=about, allow_abbrev=False, argument_default=argparse.SUPPRESS,
            formatter_class=_Help,
        )  # fmt: skip
        self.positional: list[str] = []
        general = self.parser.add_argument_group("general")
        general.add_argument("--config", type=Path, metavar="FILE", help="YAML file with any of these settings")
        general.add_argument("--preset", choices=PRESETS, help=f"whose defaults (default: {default_preset})")
        general.add_argument("--print-config", action="store_true", help="print the resolved settings and stop")
        groups: dict[str, Any] = {}
        for kind in self.kinds:
            defaults = preset(kind, default_preset)
            for field in dataclasses.fields(kind):
                if not knob_of(field).hidden:
                    title = knob_of(field).group or "options"
                    if title not in groups:
                        groups[title] = self.parser.add_argument_group(title)
                    group = groups[title]
                    _add(group, kind, field, getattr(defaults, field.name))

    def add_positional(self, name: str, **options: Any) -> None:
        """Add an argument without a flag (``nargs``, ``help`` as in argparse)."""
        self.parser.add_argument(name, default=None, **options)
        self.positional.append(name)

    def resolve(self, argv: Sequence[str]) -> Resolved:
        """Parse a command line: typed flags win over ``--config``, which wins over the preset.

        Raises:
            UserError: unknown or malformed flag, unknown YAML key, value out of range.
            PrintedConfig: ``--print-config``.
        """
        known, rest = self.parser.parse_known_args([_dashed(token) for token in argv])
        if rest:
            flags = [option for action in self.parser._actions for option in action.option_strings]
            wrong = next((token for token in rest if token.startswith("-")), rest[0])
            raise UserError(f"unknown argument {wrong}{nearest(wrong.split('=')[0], flags)}; see --help")
        given = vars(known)
        name = given.get("preset", self.default_preset)
        table = _read_yaml(given.get("config"))
        name = table.pop("preset", name) if "preset" not in given else name
        configs, typed, unknown = {}, set(), set(table)
        for kind in self.kinds:
            keys = {flag_of(f).replace("-", "_"): f.name for f in dataclasses.fields(kind)}
            keys |= {f.name: f.name for f in dataclasses.fields(kind)}
            file_values = {keys[k.replace("-", "_")]: v for k, v in table.items() if k.replace("-", "_") in keys}
            unknown -= {k for k in table if k.replace("-", "_") in keys}
            flag_values = {
                key.split(".", 1)[1]: value for key, value in given.items() if key.startswith(f"{kind.__name__}.")
            }
            where = "flags" if flag_values or not file_values else str(given["config"])
            configs[kind] = from_plain(kind, file_values | flag_values, where, preset(kind, name))
            typed |= set(file_values) | set(flag_values)
        if unknown:
            wrong = sorted(unknown)[0]
            choices = [flag_of(f).replace("-", "_") for kind in self.kinds for f in dataclasses.fields(kind)]
            raise UserError(f"{given['config']}: unknown key {wrong!r}{nearest(wrong.replace('-', '_'), choices)}")
        positional = {key: given[key] for key in self.positional if given.get(key) not in (None, [])}
        resolved = Resolved(configs, frozenset(typed), positional, name)
        if given.get("print_config"):
            print(self.to_yaml(resolved), end="")
            raise PrintedConfig
        return resolved

    def to_yaml(self, resolved: Resolved) -> str:
        """Return the resolved settings as YAML that ``--config`` reads back."""
        table: dict[str, Any] = {"preset": resolved.preset}
        for kind in self.kinds:
            plain = to_plain(resolved[kind])
            for field in dataclasses.fields(kind):
                if not knob_of(field).hidden:
                    table[flag_of(field).replace("-", "_")] = plain[field.name]
        return yaml.safe_dump(table, sort_keys=False, default_flow_style=None)


class _Help(argparse.HelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=34, width=110)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}; see {self.prog} --help")


def _dashed(token: str) -> str:
    if not token.startswith("--"):
        return token
    name, equals, value = token.partition("=")
    return name.replace("_", "-") + equals + value


def _add(group: Any, kind: type[Any], field: dataclasses.Field[Any], default: Any) -> None:
    rule, dest = knob_of(field), f"{kind.__name__}.{field.name}"
    flag = f"--{flag_of(field)}".replace("_", "-")
    text = rule.help.replace("%", "%%")
    if get_type_hints(kind)[field.name] is bool:
        negative = f"--no-{flag[2:]}" if not flag.startswith("--no-") else f"--{flag[5:]}"
        state = "on" if default else "off"
        group.add_argument(flag, dest=dest, action="store_true", help=f"{text} (default: {state})")
        group.add_argument(negative, dest=dest, action="store_false", help=argparse.SUPPRESS)
        return
    shown = to_text(default)
    if rule.choices is not None:
        text += f": {', '.join(str(choice) for choice in rule.choices if choice is not None)}"
    metavar = flag[2:].rsplit("-", 1)[-1].upper()
    group.add_argument(flag, dest=dest, metavar=metavar, help=f"{text} (default: {shown})")
    for shortcut, value in rule.shortcuts.items():
        name = f"--{shortcut}".replace("_", "-")
        group.add_argument(name, dest=dest, action="store_const", const=value, help=argparse.SUPPRESS)


def to_text(value: Any) -> str:
    """Return a default as a user would type it."""
    if value is None or value == ():
        return "none"
    if isinstance(value, tuple):
        return ",".join(map(str, value)).replace("%", "%%")
    return str(value).replace("%", "%%")


def _read_yaml(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        table = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"{path}: cannot be read as YAML ({' '.join(str(error).split())})") from None
    if table is not None and not isinstance(table, dict):
        raise UserError(f"{path}: must be a table of settings")
    return table or {}


def warn(text: str) -> None:
    """Print one line to standard error."""
    print(text, file=sys.stderr)

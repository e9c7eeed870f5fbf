"""Command-line flags, YAML files and presets resolved into configuration dataclasses."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Callable, Sequence
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


@dataclass(frozen=True)
class _Positional:
    """An argument without a flag: one (``many`` is False) or any number."""

    name: str
    many: bool
    kind: Callable[[str], Any]


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
            formatter_class=_Help, add_help=False, usage=f"{program} [flags]",
        )  # fmt: skip
        self.positional: list[_Positional] = []
        general = self.parser.add_argument_group("general")
        general.add_argument("-h", "--help", action="help", help="show this help and stop")
        general.add_argument("--config", type=Path, metavar="FILE", help="YAML file with any of these settings")
        general.add_argument("--preset", choices=PRESETS, help=f"whose defaults (default: {default_preset})")
        general.add_argument("--print-config", action="store_true", help="print the resolved settings and stop")
        groups: dict[str, Any] = {}
        seen: dict[str, Any] = {}
        for kind in self.kinds:
            defaults, hints = preset(kind, default_preset), get_type_hints(kind)
            for field in dataclasses.fields(kind):
                if knob_of(field).hidden:
                    continue
                if seen.get(field.name, hints[field.name]) != hints[field.name]:
                    raise TypeError(f"{kind.__name__}.{field.name}: another configuration's flag has another type")
                # Architectures share knobs such as --cnn-width: one flag sets all of them.
                if field.name not in seen:
                    seen[field.name] = hints[field.name]
                    title = knob_of(field).group or "options"
                    if title not in groups:
                        groups[title] = self.parser.add_argument_group(title)
                    group = groups[title]
                    _add(group, kind, field, getattr(defaults, field.name))

    def add_positional(self, name: str, nargs: str = "?", type: Callable[[str], Any] = str, help: str = "") -> None:
        """Add an argument without a flag, which may stand before, between or after the flags.

        Args:
            name: key in :attr:`Resolved.positional`.
            nargs: ``?`` for one that may be left out, ``*`` for any number.
            type: turns the text into the value.
            help: what it is.
        """
        self.positional.append(_Positional(name, nargs == "*", type))
        self.parser.usage = f"{self.parser.usage} [{name}{' ...' if nargs == '*' else ''}]"
        self.parser.description = f"{self.parser.description}\n\n  {name:<22} {help}"

    def resolve(self, argv: Sequence[str]) -> Resolved:
        """Parse a command line: typed flags win over ``--config``, which wins over the preset.

        Raises:
            UserError: unknown or malformed flag, unknown YAML key, value out of range.
            PrintedConfig: ``--print-config``.
        """
        # What stands after a lone ``--`` is never a flag, whatever it looks like.
        end = list(argv).index("--") if "--" in argv else len(argv)
        known, rest = self.parser.parse_known_args([_dashed(word) for word in argv[:end]])
        wrong = next((word for word in rest if word.startswith("-")), None)
        if wrong is not None:
            flags = [option for action in self.parser._actions for option in action.option_strings]
            hint = nearest(wrong.split("=")[0], flags).replace("'", "") or f"; see {self.parser.prog} --help"
            raise UserError(f"unknown flag {wrong}{hint}")
        positional = self._assign([*rest, *argv[end + 1 :]])
        given = vars(known)
        table = _read_yaml(given.get("config"))
        from_file = table.pop("preset", self.default_preset)
        name = given.get("preset", from_file)
        configs, typed, unknown = {}, set(), set(table)
        for kind in self.kinds:
            keys = {flag_of(f).replace("-", "_"): f.name for f in dataclasses.fields(kind)}
            keys |= {f.name: f.name for f in dataclasses.fields(kind)}
            file_values = {keys[k.replace("-", "_")]: v for k, v in table.items() if k.replace("-", "_") in keys}
            unknown -= {k for k in table if k.replace("-", "_") in keys}
            names = {field.name for field in dataclasses.fields(kind)}
            flag_values = {key[1:]: value for key, value in given.items() if key[:1] == "." and key[1:] in names}
            base = from_plain(kind, file_values, str(given.get("config")), preset(kind, name))
            configs[kind] = from_plain(kind, flag_values, "flags", base)
            typed |= set(file_values) | set(flag_values)
        if unknown:
            wrong = sorted(unknown)[0]
            choices = [flag_of(f).replace("-", "_") for kind in self.kinds for f in dataclasses.fields(kind)]
            raise UserError(f"{given['config']}: unknown key {wrong!r}{nearest(wrong.replace('-', '_'), choices)}")
        resolved = Resolved(configs, frozenset(typed), positional, name)
        if given.get("print_config"):
            print(self.to_yaml(resolved), end="")
            raise PrintedConfig
        return resolved

    def _assign(self, values: Sequence[str]) -> dict[str, Any]:
        rest, found = list(values), dict[str, Any]()
        for place in self.positional:
            taken, rest = (rest, []) if place.many else (rest[:1], rest[1:])
            if taken:
                found[place.name] = [place.kind(text) for text in taken] if place.many else place.kind(taken[0])
        if rest:
            raise UserError(f"unexpected argument {rest[0]!r}; see {self.parser.prog} --help")
        return found

    def to_yaml(self, resolved: Resolved) -> str:
        """Return the resolved settings as YAML that ``--config`` reads back."""
        table: dict[str, Any] = {"preset": resolved.preset}
        for kind in self.kinds:
            plain = to_plain(resolved[kind])
            for field in dataclasses.fields(kind):
                if not knob_of(field).hidden:
                    table[flag_of(field).replace("-", "_")] = plain[field.name]
        return yaml.dump(table, Dumper=_OneLinePerSetting, sort_keys=False, default_flow_style=False)


class _OneLinePerSetting(yaml.SafeDumper):
    """Lists stay on the line of their key."""


_OneLinePerSetting.add_representer(
    list, lambda dumper, value: dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=True)
)


class _Help(argparse.RawDescriptionHelpFormatter):
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
    rule, dest = knob_of(field), f".{field.name}"
    flag = f"--{flag_of(field)}".replace("_", "-")
    text = rule.help.replace("%", "%%")
    if get_type_hints(kind)[field.name] in (bool, bool | None):
        negative = f"--no-{flag[2:]}" if not flag.startswith("--no-") else f"--{flag[5:]}"
        # --use-nms is switched off by --no-use-nms and by what people try first, --no-nms.
        off = [negative, f"--no-{flag[6:]}"] if flag.startswith("--use-") else [negative]
        off += [f"--{name}".replace("_", "-") for name, value in rule.shortcuts.items() if value is False]
        state = "that of the file" if default is None else f"on; off with {off[-1]}" if default else "off"
        group.add_argument(flag, dest=dest, action="store_true", help=f"{text} (default: {state})")
        group.add_argument(*off, dest=dest, action="store_false", help=argparse.SUPPRESS)
        return
    if rule.choices is not None:
        text += f": {', '.join(str(choice) for choice in rule.choices if choice is not None)}"
    metavar = flag[2:].rsplit("-", 1)[-1].upper()
    if rule.shortcuts:
        text += f"; also --{', --'.join(rule.shortcuts)}".replace("_", "-")
    if "default" not in text:
        text += f" (default: {to_text(default)})"
    group.add_argument(flag, dest=dest, metavar=metavar, help=text, action="append" if rule.repeat else "store")
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
    for key in table or {}:
        if not isinstance(key, str):
            raise UserError(f"{path}: unknown key {key!r}: keys are names of flags")
    return table or {}


def warn(text: str) -> None:
    """Print one line to standard error."""
    print(text, file=sys.stderr)

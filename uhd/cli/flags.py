"""Command-line flags, YAML files and presets resolved into configuration dataclasses."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from uhd.cli.parser import Help, Parser, ShortHelp, add_flag, dash_name
from uhd.cli.settings_file import read_settings, write_settings
from uhd.config import PRESETS, flag_of, from_plain, knob_of, preset, to_plain
from uhd.config.hints import type_hints
from uhd.config.presets import ABOUT
from uhd.errors import UserError, nearest
from uhd.files import real_path

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

    def replace(self, config: Any, *typed: str) -> Resolved:
        """Return the same with another instance of one class, and with more fields counted as typed."""
        return dataclasses.replace(
            self, configs=self.configs | {type(config): config}, typed=self.typed | frozenset(typed)
        )


@dataclass(frozen=True)
class _Positional:
    """An argument without a flag: one (``many`` is False) or any number; ``fills`` is the field that it sets, ``like``
    the one whose flag says the same."""

    name: str
    many: bool
    kind: Callable[[str], Any]
    fills: str | None
    like: str | None


class Flags:
    """The flags of one command.

    Args:
        program: shown in ``--help``, e.g. ``uhd train``.
        about: what the command does.
        kinds: configuration classes whose knobs become flags.
        default_preset: one of :data:`uhd.config.PRESETS`.
        settle: what follows from several settings together, such as a width from the name of a size.
    """

    def __init__(
        self,
        program: str,
        about: str,
        kinds: Sequence[type[Any]],
        default_preset: str = "uhd",
        settle: Callable[[Resolved], Resolved] | None = None,
    ) -> None:
        self.kinds, self.default_preset, self.settle = tuple(kinds), default_preset, settle
        self.parser = Parser(
            prog=program, description=about, allow_abbrev=False, argument_default=argparse.SUPPRESS,
            formatter_class=Help, add_help=False, usage=f"{program} [flags]",
        )  # fmt: skip
        self.positional: list[_Positional] = []
        general = self.parser.add_argument_group("general")
        general.add_argument("-h", action=ShortHelp, nargs=0, help="list the flags and stop")
        general.add_argument("--help", action="help", help="show this help and stop")
        general.add_argument("--config", type=Path, metavar="FILE", help="YAML file with any of these settings")
        # Every command takes every preset; shown are those that make a difference here.
        known = [name for name in PRESETS if any(preset(kind, name) != preset(kind) for kind in kinds)]
        meant = ", ".join(f"{name} ({ABOUT[name]})" for name in ("uhd", *known))
        text = f"whose defaults: {meant} (default: {default_preset})" if known else argparse.SUPPRESS
        general.add_argument("--preset", choices=PRESETS, metavar="NAME", help=text)
        general.add_argument("--print-config", action="store_true", help="print the resolved settings and stop")
        self._add_knobs()

    def _add_knobs(self) -> None:
        groups: dict[str, Any] = {}
        seen: dict[str, Any] = {}
        for kind in self.kinds:
            defaults, hints = preset(kind, self.default_preset), type_hints(kind)
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
                    add_flag(groups[title], kind, field, getattr(defaults, field.name))

    def add_positional(
        self,
        name: str,
        nargs: str = "?",
        type: Callable[[str], Any] = str,
        help: str = "",
        fills: str | None = None,
        like: str | None = None,
    ) -> None:
        """Add an argument without a flag, which may stand before, between or after the flags.

        Args:
            name: key in :attr:`Resolved.positional`, and in YAML files unless it fills a field.
            nargs: ``?`` for one that may be left out, ``*`` for any number.
            type: turns the text into the value.
            help: what it is.
            fills: field of a configuration that it sets, as its flag would.
            like: field that names the same without being set; by default ``fills``.
        """
        self.positional.append(_Positional(name, nargs == "*", type, fills, like or fills))
        self.parser.usage = f"{self.parser.usage} [{name}{' ...' if nargs == '*' else ''}]"
        self.parser.description = f"{self.parser.description}\n\n  {name:<22} {help}"

    def resolve(self, argv: Sequence[str]) -> Resolved:
        """Parse a command line: typed flags win over ``--config``, which wins over the preset.

        Raises:
            UserError: unknown or malformed flag, unknown YAML key, value out of range.
            PrintedConfig: ``--print-config``.
        """
        given, positional = self._parse(argv)
        file = given.get("config")
        table = {key.replace("-", "_"): value for key, value in read_settings(file).items()}
        name = given.get("preset", table.pop("preset", self.default_preset))
        positional = self._read_positional(table, file) | positional
        for place in self.positional:
            _refuse_two(place, given, positional)
            if place.fills is not None and place.name in positional:
                given[f".{place.fills}"] = str(positional[place.name])
        resolved = self._configs(given, table, name, positional)
        for kind in self.kinds:
            for field in dataclasses.fields(kind):
                if knob_of(field).ineffective and field.name in resolved.typed and not given.get("print_config"):
                    warn(f"--{flag_of(field).replace('_', '-')} is without effect: {knob_of(field).ineffective}")
        if self.settle is not None:
            resolved = self.settle(resolved)
        if given.get("print_config"):
            print(self.to_yaml(resolved), end="")
            raise PrintedConfig
        return resolved

    def to_yaml(self, resolved: Resolved) -> str:
        """Return the resolved settings as YAML that ``--config`` reads back, arguments without a flag included."""
        # Without this list, every line would count as typed, and none would leave the word to a checkpoint.
        table: dict[str, Any] = {"preset": resolved.preset, "typed": sorted(resolved.typed)}
        for place in self.positional:
            if place.fills is None and place.name in resolved.positional:
                value = resolved.positional[place.name]
                table[place.name] = [str(item) for item in value] if place.many else str(value)
        for kind in self.kinds:
            plain = to_plain(resolved[kind])
            for field in dataclasses.fields(kind):
                if not knob_of(field).hidden:
                    table[flag_of(field).replace("-", "_")] = plain[field.name]
        return write_settings(table)

    def _parse(self, argv: Sequence[str]) -> tuple[dict[str, Any], dict[str, Any]]:
        # What stands after a lone ``--`` is never a flag, whatever it looks like.
        end = list(argv).index("--") if "--" in argv else len(argv)
        known, rest = self.parser.parse_known_args([dash_name(word) for word in argv[:end]])
        wrong = next((word for word in rest if word.startswith("-") and word != "-"), None)
        if wrong is not None:
            flags = [option for action in self.parser._actions for option in action.option_strings]
            hint = nearest(wrong.split("=")[0], flags).replace("'", "") or f"; see {self.parser.prog} --help"
            raise UserError(f"unknown flag {wrong}{hint}")
        return vars(known), self._assign([*rest, *argv[end + 1 :]])

    def _assign(self, values: Sequence[str]) -> dict[str, Any]:
        rest, found = list(values), dict[str, Any]()
        for place in self.positional:
            taken, rest = (rest, []) if place.many else (rest[:1], rest[1:])
            if place.kind is Path and "" in taken:
                raise UserError(f"{place.name}: an empty text names no path; the working directory is .")
            if taken:
                found[place.name] = [place.kind(text) for text in taken] if place.many else place.kind(taken[0])
        if rest:
            raise UserError(f"unexpected argument {rest[0]!r}; see {self.parser.prog} --help")
        return found

    def _read_positional(self, table: dict[str, Any], file: Path | None) -> dict[str, Any]:
        """Take the arguments without a flag out of a settings file."""
        fields = {field.name for kind in self.kinds for field in dataclasses.fields(kind)}
        found: dict[str, Any] = {}
        for place in self.positional:
            if place.fills is not None or place.name in fields or table.get(place.name) is None:
                continue
            value = table.pop(place.name)
            items = value if isinstance(value, list) else [value]
            if any(isinstance(item, dict | list) for item in items) or (len(items) > 1 and not place.many):
                raise UserError(f"{file}: {place.name}: must be {'a list of texts' if place.many else 'one text'}")
            read = [place.kind(str(item)) for item in items]
            found[place.name] = read if place.many else read[0]
        return found

    def _configs(self, given: dict[str, Any], table: dict[str, Any], name: str, positional: dict[str, Any]) -> Resolved:
        said = table.pop("typed", None)
        if said is not None and not isinstance(said, list):
            raise UserError(f"{given.get('config')}: typed: must be a list of settings")
        configs, typed, unknown = {}, set[str](), set(table)
        for kind in self.kinds:
            keys = {flag_of(f).replace("-", "_"): f.name for f in dataclasses.fields(kind)}
            keys |= {f.name: f.name for f in dataclasses.fields(kind)}
            file_values = {keys[key]: value for key, value in table.items() if key in keys}
            unknown -= keys.keys()
            names = {field.name for field in dataclasses.fields(kind)}
            flag_values = {key[1:]: value for key, value in given.items() if key[:1] == "." and key[1:] in names}
            base = from_plain(kind, file_values, str(given.get("config")), preset(kind, name))
            configs[kind] = from_plain(kind, flag_values, "flags", base)
            typed |= {name for name in file_values if said is None or name in said} | set(flag_values)
        if unknown:
            wrong = sorted(unknown)[0]
            choices = [flag_of(f).replace("-", "_") for kind in self.kinds for f in dataclasses.fields(kind)]
            raise UserError(f"{given['config']}: unknown key {wrong!r}{nearest(wrong, choices)}")
        return Resolved(configs, frozenset(typed), positional, name)


def _refuse_two(place: _Positional, given: dict[str, Any], positional: dict[str, Any]) -> None:
    """Refuse two values for one thing on a command line; those of a settings file are there to be replaced."""
    flag = given.get(f".{place.like}")
    if place.name not in positional or flag is None or place.many:
        return
    value = positional[place.name]
    if value != place.kind(flag) and real_path(Path(value)) != real_path(Path(flag)):
        what = "two data sets are named" if place.name in ("data", "place") else "two are named"
        raise UserError(f"{value} and --{str(place.like).replace('_', '-')} {flag}: {what}; give one")


def warn(text: str) -> None:
    """Print one line to standard error."""
    print(text, file=sys.stderr)

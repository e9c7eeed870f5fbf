"""Knobs as flags of ``argparse``."""

from __future__ import annotations

import argparse
import dataclasses
from typing import Any, NoReturn

from uhd.config import flag_of, knob_of
from uhd.config.hints import type_hints
from uhd.errors import UserError

WIDTH = 110


class Help(argparse.RawDescriptionHelpFormatter):
    """Flags in one column, what they do in the other."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=34, width=WIDTH)


class Parser(argparse.ArgumentParser):
    """A parser whose complaints are :class:`UserError`."""

    def error(self, message: str) -> NoReturn:
        """Raise what argparse would print."""
        raise UserError(f"{message}; see {self.prog} --help")


class ShortHelp(argparse.Action):
    """``-h``: the names of the flags alone, group by group."""

    def __call__(self, parser: argparse.ArgumentParser, *_rest: Any, **_more: Any) -> NoReturn:
        """Print and stop, as ``--help`` does."""
        print(parser.format_usage() + "\n" + str(parser.description).rstrip() + "\n")
        for group in parser._action_groups:
            names = [action.option_strings[-1] for action in group._group_actions if action.help != argparse.SUPPRESS]
            if names:
                print(f"{group.title}:\n{_wrapped(names)}")
        print(f"\n{parser.prog} --help says what each does.")
        raise SystemExit(0)


def dash_name(token: str) -> str:
    """Return a word of the command line with ``-`` for ``_`` in the name of a flag."""
    if not token.startswith("--"):
        return token
    name, equals, value = token.partition("=")
    return name.replace("_", "-") + equals + value


def add_flag(group: Any, kind: type[Any], field: dataclasses.Field[Any], default: Any) -> None:
    """Add the flag of a knob, what switches it off, and its shortcuts.

    Args:
        group: of an argparse parser.
        kind: the configuration.
        field: the knob.
        default: told in the help.
    """
    rule, dest = knob_of(field), f".{field.name}"
    flag = f"--{flag_of(field)}".replace("_", "-")
    text = rule.help.replace("%", "%%")
    if type_hints(kind)[field.name] in (bool, bool | None):
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


def _wrapped(words: list[str]) -> str:
    lines = [" "]
    for word in words:
        if len(lines[-1]) + len(word) + 1 > WIDTH:
            lines.append(" ")
        lines[-1] += f" {word}"
    return "\n".join(lines)

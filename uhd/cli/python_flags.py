"""Keyword arguments of the Python API as the words of a command line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from uhd.cli.flags import Flags
from uhd.errors import nearest


def words_of(flags: Flags, values: Mapping[str, Any], place: str | Path | None = None) -> list[str]:
    """Return the command line that says the same as keyword arguments.

    Args:
        flags: of the command.
        values: flag without dashes, words joined by ``_`` -> value; None leaves a flag out.
        place: argument without a flag, or None.

    Raises:
        TypeError: the command has no such flag.
    """
    options = [option for action in flags.parser._actions for option in action.option_strings]
    known = {option.lstrip("-").replace("-", "_") for option in options}
    for name in values:
        if name not in known:
            raise TypeError(f"{flags.parser.prog} has no flag {name!r}{nearest(name, known)}")
    return [*plain_words(values), *(["--", str(place)] if place is not None else [])]


def plain_words(values: Mapping[str, Any]) -> list[str]:
    """Return keyword arguments as words, without looking whether there are such flags."""
    words: list[str] = []
    for name, value in values.items():
        flag = f"--{name.replace('_', '-')}"
        if isinstance(value, bool):
            words.append(flag if value else f"--no-{name.replace('_', '-')}")
        elif value is not None:
            words.append(f"{flag}={_text(value, 'x' if name == 'img_size' else ',')}")
    return words


def _text(value: Any, between: str) -> str:
    if isinstance(value, Iterable) and not isinstance(value, str | Path):
        return between.join(map(str, value))
    return str(value)

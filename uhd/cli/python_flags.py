"""Keyword arguments of the Python API as the words of a command line."""

from __future__ import annotations

import os
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
        TypeError: the command has no such flag, or the place is no path.
    """
    options = [option for action in flags.parser._actions for option in action.option_strings]
    known = {option.lstrip("-").replace("-", "_") for option in options} - {"h", "help", "print_config"}
    if place is not None and not isinstance(place, str | os.PathLike):
        raise TypeError(f"data must be the path of a folder, data.yaml, .json or list, not a {type(place).__name__}")
    for name in values:
        if name not in known:
            raise TypeError(f"{flags.parser.prog} has no flag {name!r}{nearest(name, known)}")
    return [*plain_words(values), *(["--", os.fspath(place)] if place is not None else [])]


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
    if isinstance(value, os.PathLike):  # also the run that uhd.train returns
        return str(os.fspath(value))
    if isinstance(value, Iterable) and not isinstance(value, str):
        return between.join(_text(each, between) for each in value)
    return str(value)

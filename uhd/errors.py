"""The one exception that means "the user can mend this"."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable


class UserError(Exception):
    """Bad input: one line that says what is wrong, where, and how to mend it.

    The command line prints the line and exits with code 2; library users catch it like any exception.
    """


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ``" (did you mean 'x'?)"`` for the closest of ``known``, or an empty string when none is close."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" (did you mean {close[0]!r}?)" if close else ""


def reason_of(error: OSError) -> str:
    """Return what the system says of a path, in one line; a link that leads nowhere is named as such."""
    name = error.filename
    if not isinstance(name, str | os.PathLike):
        return error.strerror or str(error)
    # The system says "file exists" of a folder that it should make there, and "no such file" of one to read.
    dangling = os.path.islink(name) and not os.path.exists(name)  # noqa: PTH110, PTH114
    return f"{os.fspath(name)}: {'is a link that leads nowhere; remove it' if dangling else error.strerror}"


# What pip is given: the folder that the source was unpacked into, until the package is on an index.
_DISTRIBUTION = "."


def install_hint(extra: str) -> str:
    """Return the command that installs what an extra of the package names, e.g. ``train``."""
    return f"pip install '{_DISTRIBUTION}[{extra}]'"

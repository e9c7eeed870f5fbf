"""Node names of exported graphs: how patterns written for the original's files find them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from uhd.errors import UserError

_DEPTHWISE = "/depthwiseconv"
_OUTSIDE_THE_HEAD = ("/backbone/", "/stem/", "/stage")


def match(pattern: str, names: Iterable[str]) -> list[str]:
    """Return the names in which a regular expression is found, in their order.

    The original wrote two generations of names: ``/backbone/...`` and ``/box_out/Conv`` (also ours), and
    ``/model/backbone/...`` and ``/model/head/box_out/Conv``; both may carry ``/depthwiseconv`` in front. Where a
    pattern is found in no name as it stands, names are tried as the other generation spells them.

    Args:
        pattern: searched anywhere in a name, as quantisation recipes give it.
        names: of the graph's nodes.

    Raises:
        UserError: not a regular expression.
    """
    names = list(names)
    try:
        search = re.compile(pattern).search
    except re.error as error:
        raise UserError(f"{pattern!r} is not a regular expression: {error}") from None
    direct = [name for name in names if search(name)]
    return direct or [name for name in names if any(search(alias) for alias in aliases(name))]


def aliases(name: str) -> tuple[str, ...]:
    """Return every spelling of a node's name, without and with ``/depthwiseconv`` in front."""
    core = name.removeprefix(_DEPTHWISE).removeprefix("/model").removeprefix("/head/")
    core = core if core.startswith("/") else f"/{core}"
    prefixes = ("", "/model") if core.startswith(_OUTSIDE_THE_HEAD) else ("", "/model/head", "/head", "/model")
    spelled = tuple(f"{prefix}{core}" for prefix in prefixes)
    return (*spelled, *(f"{_DEPTHWISE}{each}" for each in spelled))

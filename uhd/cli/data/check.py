"""``uhd data check``: what to mend in a data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from uhd.cli.data.place import SeedConfig, read_flags, split_seed
from uhd.config.groups import JsonText


@dataclass(frozen=True)
class CheckConfig(JsonText):
    """How the list is printed."""


def main(argv: Sequence[str]) -> int:
    """Check; returns 1 where there is something to mend."""
    data, resolved = read_flags("check", "What to mend in a data set, and where.", CheckConfig, argv)

    from uhd.data.check import check_data

    result = check_data(data, split_seed(data, resolved[SeedConfig].seed))
    print(result.to_json() if resolved[CheckConfig].json else result.to_text())
    return 0 if result.clean else 1

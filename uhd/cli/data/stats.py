"""``uhd data stats``: what a data set holds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from uhd.cli.data.place import SeedConfig, read_flags, split_seed
from uhd.config.groups import JsonText


@dataclass(frozen=True)
class StatsConfig(JsonText):
    """How the figures are printed."""


def main(argv: Sequence[str]) -> int:
    """Count; returns the exit code."""
    data, resolved = read_flags("stats", "What a data set holds, part by part.", StatsConfig, argv)

    from uhd.data.open import open_data, read_dataset
    from uhd.data.statistics import statistics

    opened = open_data(data, split_seed(data, resolved[SeedConfig].seed))
    found = {}
    for name, records in (("train", opened.train), ("val", opened.val)):
        found[name] = statistics(read_dataset(records, data, opened.report), opened.names, data.img_size[0])
    if resolved[StatsConfig].json:
        print(json.dumps({name: split.to_dict() for name, split in found.items()}, indent=1))
        return 0
    for name, split in found.items():
        print("\n  ".join([name, *split.lines()]))
    for line in opened.report.lines():
        print(line)
    return 0

"""``uhd data stats``: what a data set holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from uhd.cli.data.place import SeedConfig, read_flags, split_seed
from uhd.cli.output import claim_figure
from uhd.config import knob
from uhd.config.groups import JsonText
from uhd.json_text import json_text


@dataclass(frozen=True)
class StatsConfig(JsonText):
    """How the figures are shown."""

    plot: Path | None = knob(None, "draw sizes, shapes, places and counts into this picture")


def main(argv: Sequence[str]) -> int:
    """Count; returns the exit code."""
    data, resolved = read_flags("stats", "What a data set holds, part by part.", StatsConfig, argv)

    config = resolved[StatsConfig]
    if config.plot is not None:
        claim_figure(config.plot, data)

    from uhd.data.imbalance import remarks_on
    from uhd.data.open import open_data, read_dataset
    from uhd.data.statistics import statistics

    opened = open_data(data, split_seed(data, resolved[SeedConfig].seed))
    parts = {"train": opened.train, "val": opened.val} | ({"test": opened.test} if opened.test else {})
    datasets = {name: read_dataset(records, data, opened.report) for name, records in parts.items()}
    found = {name: statistics(dataset, opened.names, data.img_size[0]) for name, dataset in datasets.items()}
    remarks = remarks_on(found["train"])
    if config.plot is not None:
        from uhd.evaluation.statistics_plot import plot_statistics

        plot_statistics(datasets, opened.names, data.img_size, config.plot)
    if config.json:
        table = {name: split.to_dict() for name, split in found.items()}
        print(json_text(table | {"remarks": remarks}))
        return 0
    for name, split in found.items():
        print("\n  ".join([name, *split.lines()]))
    for line in [*remarks, *opened.report.lines()]:
        print(line)
    if config.plot is not None:
        print(f"wrote {config.plot}")
    return 0

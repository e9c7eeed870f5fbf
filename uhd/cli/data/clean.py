"""``uhd data clean``: lists of the images that ``uhd data check`` has nothing against."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from uhd.cli.data.place import SeedConfig, read_flags, split_seed
from uhd.config import knob
from uhd.config.groups import JsonText
from uhd.errors import UserError
from uhd.json_text import json_text


@dataclass(frozen=True)
class CleanConfig(JsonText):
    """Where the lists go, and how strict they are."""

    output: Path | None = knob(None, "folder of train.txt, val.txt (and test.txt; .json of a COCO file)")
    near: bool = knob(False, "leave out images that only look like another of their part, too")
    overwrite: bool = knob(False, "replace lists that say something else")


def main(argv: Sequence[str]) -> int:
    """Write the lists; returns the exit code."""
    data, resolved = read_flags("clean", "Lists of images without those that check refuses.", CleanConfig, argv)
    config = resolved[CleanConfig]
    if config.output is None:
        raise UserError("where do the lists go? uhd data clean DIR --output DIR2")

    from uhd.data.check import check_data
    from uhd.data.clean import FullReport, refused_images
    from uhd.data.lists import write_lists

    report = FullReport()
    found = check_data(data, split_seed(data, resolved[SeedConfig].seed), report=report)
    refused = refused_images(found, report, config.near)
    parts = {
        name: [path for path in dict.fromkeys(paths) if str(path) not in refused]
        for name, paths in found.images.items()
    }
    written = write_lists(config.output, parts, data, config.overwrite)
    if config.json:
        kept = {name: len(part) for name, part in parts.items()}
        print(json_text({"kept": kept, "refused": refused, "lists": {k: str(v) for k, v in written.items()}}))
        return 0
    for why, count in Counter(refused.values()).most_common():
        print(f"{count} left out: {why}")
    for name, part in parts.items():
        print(f"{name}: {len(part)} of {len(found.images[name])} images -> {written[name]}")
    return 0

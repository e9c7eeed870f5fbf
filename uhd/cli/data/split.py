"""``uhd data split``: lists of images to train on, to choose by and to report on."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from uhd.cli.data.place import SeedConfig, read_flags, split_seed
from uhd.config import knob
from uhd.config.groups import JsonText
from uhd.errors import UserError
from uhd.json_text import json_text


@dataclass(frozen=True)
class DivideConfig(JsonText):
    """How the images are divided, and where the lists go."""

    output: Path | None = knob(None, "folder of train.txt, val.txt and test.txt (.json of a COCO file)")
    test_split: float = knob(
        0.0, "share kept apart for the last measurement, taken from that to train on", minimum=0, maximum=1
    )
    group: str | None = knob(None, "regular expression: images whose paths it finds the same text in stay together")
    overwrite: bool = knob(False, "replace the lists of another split")


def main(argv: Sequence[str]) -> int:
    """Divide; returns the exit code."""
    about = "Lists of images for training, validation and test, alike in people per image and their size."
    data, resolved = read_flags("split", about, DivideConfig, argv)
    config, folder = resolved[DivideConfig], resolved[DivideConfig].output
    if folder is None:
        raise UserError("where do the lists go? uhd data split DIR --output DIR2")
    try:
        pattern = None if config.group is None else re.compile(config.group)
    except re.error as error:
        raise UserError(f"--group {config.group}: is no regular expression ({error})") from None
    train = data.train_split
    if "train_split" not in resolved.typed:
        train = max(0.0, 1 - data.val_split - config.test_split)

    from uhd.data.lists import write_lists
    from uhd.data.open import open_data
    from uhd.data.stratify import group_of, stratify

    opened = open_data(data, divide=False)
    records = opened.everything
    if pattern is not None and not any(group_of(record, pattern).startswith("\1") for record in records):
        raise UserError(f"--group {config.group}: found in no path, such as {records[0].image}")
    shares = {"train": train, "val": data.val_split, "test": config.test_split}
    parts = stratify(records, shares, split_seed(data, resolved[SeedConfig].seed), data.img_size[0], pattern)
    images = {name: [record.image for record in part] for name, part in parts.items()}
    written = write_lists(folder, images, data, config.overwrite)
    table = {
        name: {"images": len(part), "people": sum(len(record.boxes) for record in part), "list": str(written[name])}
        for name, part in parts.items()
    }
    if config.json:
        print(json_text(table))
        return 0
    for line in opened.report.lines():
        print(line)
    for name, row in table.items():
        print(f"{name}: {row['images']} images, {row['people']} boxes -> {row['list']}")
    if {"train", "val"} <= written.keys():
        train_list, val_list = (shlex.quote(str(written[name])) for name in ("train", "val"))
        print(f"next: uhd train --train-list {train_list} --val-list {val_list}")
    return 0

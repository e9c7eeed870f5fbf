"""``uhd refer data``: draw a data set of scenes, keypoints, masks and descriptions, or make one of photographs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from uhd.cli.flags import Flags
from uhd.config import knob
from uhd.errors import UserError


@dataclass(frozen=True)
class WorldConfig:
    """How much is drawn."""

    count: int = knob(1000, "scenes of the training part; the validation part has a tenth", minimum=10)
    size: int = knob(256, "side of the square pictures in pixels", minimum=64, maximum=2048)
    seed: int = knob(0, "of everything: one seed is one data set", minimum=0)
    json: bool = knob(False, "print the counts as JSON")


@dataclass(frozen=True)
class PhotographConfig:
    """Which photographs are described instead."""

    keypoints: Path | None = knob(
        None, "describe the people of these photographs instead of drawing: a COCO file with keypoints and masks"
    )
    least_keypoints: int = knob(5, "keypoints of who is described (--keypoints)", minimum=1, maximum=17)
    paste: int = knob(
        0,
        "further training pictures with persons of other photographs pasted in, by their masks (--keypoints)",
        minimum=0,
    )
    val_split: float = knob(0.2, "share of the photographs to validate on (--keypoints)", minimum=0.0, maximum=1.0)


def main(argv: Sequence[str]) -> int:
    """Draw; returns the exit code."""
    about = (
        "Draw scenes of articulated figures with exact keypoints, masks and true, unique texts, as RefHuman's files; "
        "or describe the people of annotated photographs (--keypoints)."
    )
    flags = Flags("uhd refer data", about, (WorldConfig, PhotographConfig))
    flags.add_positional("folder", nargs="?", type=Path, help="folder to create")
    resolved = flags.resolve(argv)
    config, folder = resolved[WorldConfig], resolved.positional.get("folder")
    if folder is None:
        raise UserError("uhd refer data needs a folder to create: uhd refer data world/")

    photographs = resolved[PhotographConfig]
    if photographs.keypoints is not None:
        return _describe(photographs, photographs.keypoints, folder, config)

    from uhd.refer.world.dataset import write_world

    parts = {"train": config.count, "val": max(1, config.count // 10)}
    told = {part: write_world(folder, count, config.seed, part, config.size) for part, count in parts.items()}
    if config.json:
        print(json.dumps({part: vars(counts) for part, counts in told.items()}))
        return 0
    for part, counts in told.items():
        print(f"{part}: {counts.pictures} pictures, {counts.people} people, {counts.texts} texts")
    print(f"wrote {folder}: images/ and RefHuman_train.json, RefHuman_val.json; every text is synthetic")
    return 0


def _describe(config: PhotographConfig, source: Path, folder: Path, world: WorldConfig) -> int:
    from uhd.data.problems import Report
    from uhd.refer.photographs.dataset import write_photographs

    report = Report()
    told = write_photographs(source, folder, config.least_keypoints, config.val_split, world.seed, config.paste, report)
    if world.json:
        print(json.dumps({part: vars(counts) for part, counts in told.items()}))
        return 0
    for part, counts in told.items():
        print(
            f"{part}: {counts.pictures} photographs with {counts.people} people; "
            f"{counts.described} of them have a mask and are described by {counts.texts} texts"
            + (f"; persons of others are pasted into {counts.pasted} of them" if counts.pasted else "")
        )
    for line in report.lines():
        print(line)
    print(f"wrote {folder}: images/ and RefHuman_train.json, RefHuman_val.json; every text is synthetic")
    return 0

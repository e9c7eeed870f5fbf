"""``uhd refer data``: draw a data set of scenes, keypoints, masks and descriptions, or make one of photographs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from uhd.cli.flags import Flags
from uhd.config import knob
from uhd.errors import UserError
from uhd.refer.photographs.pose_rules import PoseRules


@dataclass(frozen=True)
class WorldConfig:
    """How much is drawn."""

    procedural: bool = knob(False, "draw scenes; what is done without --keypoints and --photographs, too")
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
    photographs: Path | None = knob(
        None, "describe the people of this folder of photographs with box labels; poses are a teacher's (--poses)"
    )
    poses: Path | None = knob(None, "model of poses, MoveNet as .onnx or .tflite (--photographs)")
    least_keypoints: int = knob(5, "keypoints of who is described (--keypoints, --photographs)", minimum=1, maximum=17)
    paste: int = knob(
        0,
        "further training pictures with persons of other photographs pasted in, by their masks (--keypoints)",
        minimum=0,
    )
    val_split: float = knob(
        0.2, "share of the photographs to validate on (--keypoints, --photographs)", minimum=0.0, maximum=1.0
    )


def main(argv: Sequence[str]) -> int:
    """Draw; returns the exit code."""
    about = (
        "Draw scenes of articulated figures with exact keypoints, masks and true, unique texts, as RefHuman's files; "
        "or describe the people of annotated photographs (--keypoints), or of photographs with boxes (--photographs)."
    )
    flags = Flags("uhd refer data", about, (WorldConfig, PhotographConfig, PoseRules))
    flags.add_positional("folder", nargs="?", type=Path, help="folder to create")
    resolved = flags.resolve(argv)
    config, folder = resolved[WorldConfig], resolved.positional.get("folder")
    if folder is None:
        raise UserError("uhd refer data needs a folder to create: uhd refer data world/")

    photographs = resolved[PhotographConfig]
    if (photographs.photographs is None) != (photographs.poses is None):
        raise UserError("--photographs DIR and --poses MODEL belong together: boxes are there, poses are a teacher's")
    if photographs.photographs is not None and not photographs.photographs.is_dir():
        raise UserError(f"--photographs {photographs.photographs}: no such folder")
    if photographs.photographs is not None or photographs.keypoints is not None:
        if config.procedural:
            raise UserError("--procedural draws scenes, --keypoints and --photographs read photographs: give one")
        return _describe(photographs, resolved[PoseRules], folder, config)

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


def _describe(config: PhotographConfig, rules: PoseRules, folder: Path, world: WorldConfig) -> int:
    from uhd.data.problems import Report
    from uhd.refer.photographs.dataset import write_photographs
    from uhd.refer.photographs.posed import write_posed

    report, least, share = Report(), config.least_keypoints, config.val_split
    if config.photographs is None or config.poses is None:
        assert config.keypoints is not None
        told = write_photographs(config.keypoints, folder, least, share, world.seed, config.paste, report)
    elif config.keypoints is not None or config.paste:
        raise UserError("--photographs goes neither with --keypoints nor with --paste: its people have no masks")
    else:
        told = write_posed(config.photographs, folder, config.poses, rules, least, share, world.seed, report)
    if world.json:
        print(json.dumps({part: vars(counts) for part, counts in told.items()}))
        return 0
    for part, counts in told.items():
        print(
            f"{part}: {counts.pictures} photographs with {counts.people} people; "
            f"{counts.described} of them are described by {counts.texts} texts"
            + (f"; persons of others are pasted into {counts.pasted} of them" if counts.pasted else "")
        )
    for line in report.lines():
        print(line)
    print(f"wrote {folder}: images/ and RefHuman_train.json, RefHuman_val.json; every text is synthetic")
    if config.poses is not None:
        print(f"every pose is a pseudo-label by {config.poses.name}")
    return 0

"""``uhd data convert``: labels in another format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from uhd.cli.data.place import json_to_output
from uhd.cli.flags import Flags
from uhd.config import knob
from uhd.config.groups import JsonText
from uhd.data.config import parse_names, parse_some_classes
from uhd.errors import UserError

FORMATS = ("yolo", "coco", "voc")
SOURCES = ("auto", *FORMATS, "refhuman", "cvat", "labelme")


@dataclass(frozen=True)
class ConvertConfig(JsonText):
    """From what, to what, and which classes."""

    to: str = knob("yolo", "format to write", choices=FORMATS)
    source: str = knob("auto", "format to read", flag="from", choices=SOURCES)
    classes: tuple[int, ...] = knob(
        (), "numbers or names of the classes that become 0, 1, ... (default: all)", parse=parse_some_classes
    )
    names: tuple[str, ...] = knob((), "new names of the classes; those of one name become one", parse=parse_names)
    val_split: float = knob(
        0.0, "share to validate on, of data without parts (default: they stay undivided)", minimum=0, maximum=1
    )
    copy: bool = knob(False, "copy the images instead of linking them")
    strict: bool = knob(False, "stop at the first problem instead of skipping it")


def main(argv: Sequence[str]) -> int:
    """Convert; returns the exit code."""
    flags = Flags(
        "uhd data convert", "Labels in another format, images linked; the source is not touched.", (ConvertConfig,)
    )
    flags.add_positional("data", nargs="?", type=Path, help="folder or file of the data set")
    flags.add_positional("output", nargs="?", type=Path, help="folder of the new one")
    resolved = flags.resolve(json_to_output(argv))
    config, places = resolved[ConvertConfig], resolved.positional
    if "data" not in places or "output" not in places:
        raise UserError("uhd data convert needs a data set and a new folder: IN OUT --to yolo, coco or voc")

    from uhd.data.convert import convert, summary

    done = convert(
        places["data"], places["output"], config.to, config.source, config.classes, config.names, config.copy,
        config.strict, config.val_split,
    )  # fmt: skip
    if config.json:
        print(summary(done))
        return 0
    for line in done.report.lines(cases=3):
        print(line)
    if done.left_out:
        print("left out: " + ", ".join(f"{name} ({count})" for name, count in done.left_out.most_common()))
    parts = ", ".join(f"{part or 'undivided'} {count}" for part, count in done.images.items())
    print(
        f"{sum(done.images.values())} images ({parts}; {done.empty} without objects), {done.objects} objects, "
        f"{done.regions} ignore regions, classes {', '.join(done.names)}"
    )
    print(f"wrote {places['output']} as {config.to}")
    return 0

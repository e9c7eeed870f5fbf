"""``uhd data mine``: backgrounds in which a model sees people, hardest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from uhd.cli.data.place import json_to_output
from uhd.cli.flags import Flags
from uhd.cli.output import claim
from uhd.config import knob, same_knob
from uhd.config.groups import JsonText, ModelFile, RuntimeFlags, Thresholds
from uhd.data.config import DataConfig
from uhd.errors import UserError
from uhd.json_text import json_text


@dataclass(frozen=True)
class MineConfig(JsonText, RuntimeFlags, ModelFile):
    """Who looks, and what is kept."""

    output: Path | None = knob(None, "text list to write, one image per line")
    conf_thresh: float | None = same_knob(Thresholds, "conf_thresh", None)
    overwrite: bool = knob(False, "replace an earlier list")
    most: int | None = same_knob(Thresholds, "most", None, help="most images in the list")


def main(argv: Sequence[str]) -> int:
    """Look; returns the exit code."""
    about = "List images without people in which a model sees some: to train on, as examples of nobody."
    flags = Flags("uhd data mine", about, (MineConfig,))
    flags.add_positional("folders", nargs="*", type=Path, help="folders of images that show nobody")
    resolved = flags.resolve(json_to_output(argv))
    config, folders = resolved[MineConfig], resolved.positional.get("folders", [])
    if not folders or config.output is None:
        raise UserError("uhd data mine needs backgrounds and a list to write: DIR ... --output negatives.txt")
    for folder in folders:
        claim(config.output, (".txt",), data=DataConfig(image_dir=folder))
    if config.output.is_file() and config.output.stat().st_size and not config.overwrite:
        raise UserError(f"{config.output}: holds a list already: name another file, or give --overwrite")

    from uhd.data.discover import find_images
    from uhd.data.lists import list_of
    from uhd.data.problems import Report
    from uhd.evaluation.hard_negatives import hard_negatives
    from uhd.files import save_text
    from uhd.load import load

    report = Report()
    images = [path for folder in folders for path in find_images(folder, report)]
    detector = load(config.model, threads=config.threads)
    hard = hard_negatives(images, lambda image: detector(image, conf_thresh=config.conf_thresh), report)
    hard = hard[: config.most]
    save_text(config.output, list_of(path for path, _, _ in hard))
    if config.json:
        rows = [{"image": str(path), "score": round(score, 5), "detections": count} for path, score, count in hard]
        print(json_text({"looked at": len(images), "hard": rows, "list": str(config.output)}))
        return 0
    for line in report.lines():
        print(line)
    worst = f", the worst {hard[0][1]:.2f} sure" if hard else ""
    print(f"{len(images)} images, {len(hard)} with false alarms{worst}")
    if not hard:
        print(f"wrote {config.output}: empty, the model sees nobody there")
        return 0
    print(f"wrote {config.output}: add it to a list of training images (--train-list), an image a line")
    return 0

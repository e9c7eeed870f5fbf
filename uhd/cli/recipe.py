"""``uhd recipe``: a complete training configuration from what a data set holds, with a reason for each choice."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uhd.cli.data.place import json_to_output
from uhd.cli.flags import Flags, warn
from uhd.config import knob, same_knob
from uhd.config.groups import JsonText, NetworkSize
from uhd.data.config import DataConfig
from uhd.errors import UserError
from uhd.json_text import json_text
from uhd.training.config import TrainConfig

if TYPE_CHECKING:
    from uhd.detect.recipe.choices import Choice
    from uhd.detect.recipe.foreign import Foreign

FRAMEWORKS = ("uhd", "ultralytics", "detectron2", "mmdet")


@dataclass(frozen=True)
class RecipeConfig(JsonText, NetworkSize):
    """For which framework, and what is fixed already."""

    framework: str = knob("uhd", "who trains", choices=FRAMEWORKS)
    task: str = knob("detect", "what is learnt", choices=("detect", "segment", "pose"))
    arch: str | None = knob(None, "architecture, by the framework's name for it (default: its smallest)")
    epochs: int | None = same_knob(TrainConfig, "epochs", None, group="options", search=None)
    batch_size: int | None = same_knob(TrainConfig, "batch_size", None, group="options", search=None)
    img_size: tuple[int, int] | None = same_knob(NetworkSize, "img_size", None, help="network size, if it is fixed")
    classes: tuple[int, ...] = same_knob(DataConfig, "classes", (0,), group="options")
    output: Path | None = knob(None, "folder of the files (default: recipe-<framework>)")
    analyze_only: bool = knob(False, "say what the data hold and what would be chosen, and write nothing")
    overwrite: bool = knob(False, "replace files of an earlier recipe")


def main(argv: Sequence[str]) -> int:
    """Choose; returns the exit code."""
    flags = Flags(
        "uhd recipe", "Settings of a training from what a data set holds, with a reason for each.", (RecipeConfig,)
    )
    flags.add_positional("data", nargs="?", type=Path, help="folder of labelled images, data.yaml or COCO .json")
    resolved = flags.resolve(json_to_output(argv))
    config, data = resolved[RecipeConfig], resolved.positional.get("data")
    if data is None:
        raise UserError("uhd recipe needs a data set: uhd recipe DIR")
    folder = config.output or Path(f"recipe-{config.framework}")

    from uhd.data.apart import check_apart
    from uhd.data.open import open_data
    from uhd.detect.recipe.choices import choose
    from uhd.detect.recipe.facts import facts_of
    from uhd.detect.recipe.foreign import lacking

    check_apart(folder, DataConfig(image_dir=data))
    opened = open_data(DataConfig(image_dir=data, classes=config.classes))
    facts, sizes = facts_of(opened, config.classes)
    arch = config.arch if config.framework == "uhd" else None
    choices = _typed(choose(facts, sizes, config.img_size, arch), config)
    values = {choice.name: choice.value for choice in choices}
    if config.framework == "uhd":
        recipe = _ours(choices, data, config, folder)
    else:
        write = _foreign()[config.framework]
        recipe = write(facts, data, config.task, config.arch, values["epochs"], values["batch_size"], folder)
    if told := lacking(facts, config.task):
        warn(f"warning: {told}")
    if not config.analyze_only:
        _write(recipe, folder, config.overwrite)
    if config.json:
        table = {
            "facts": facts.to_dict(), "choices": [dataclasses.asdict(choice) for choice in choices],
            "files": [] if config.analyze_only else [str(folder / name) for name in recipe.files],
            "commands": list(recipe.commands), "lacking": told,
        }  # fmt: skip
        print(json_text(table))
        return 0
    for line in [*facts.lines(), *(f"{choice.name}: {choice.value}  ({choice.reason})" for choice in choices)]:
        print(line)
    if not config.analyze_only:
        print("wrote " + ", ".join(str(folder / name) for name in recipe.files))
        print("next:", *recipe.commands, sep="\n  ")
    return 0


def _typed(choices: Sequence[Choice], config: RecipeConfig) -> list[Choice]:
    """Return the choices with those of the user in place of ours."""
    said: Mapping[str, Any] = {"epochs": config.epochs, "batch_size": config.batch_size}
    return [
        dataclasses.replace(choice, value=said[choice.name], reason="as you said")
        if said.get(choice.name) is not None
        else choice
        for choice in choices
    ]


def _ours(choices: Sequence[Choice], data: Path, config: RecipeConfig, folder: Path) -> Foreign:
    """Return a file for ``uhd train --config`` with every setting, the reasons of ours on top."""
    from uhd.cli.python_flags import plain_words
    from uhd.cli.train import flags_of
    from uhd.detect.recipe.foreign import Foreign

    if config.task != "detect":
        raise UserError(f"--task {config.task}: uhd trains detectors; choose another --framework")
    values = {choice.name: choice.value for choice in choices if choice.value is not None}
    preset = values.pop("preset", "uhd")
    none = [f"--{choice.name.replace('_', '-')}=none" for choice in choices if choice.value is None]
    own = flags_of(default_preset="uhd")
    more = {"arch": config.arch, "classes": config.classes}
    words = ["--preset", preset, *plain_words(values | more), *none, "--", str(data)]
    text = own.to_yaml(own.resolve(words))
    reasons = "".join(f"# {choice.name}: {choice.reason}\n" for choice in choices)
    return Foreign(
        {"recipe.yaml": f"{reasons}{text}"}, (f"uhd train --config {shlex.quote(str(folder / 'recipe.yaml'))}",)
    )


def _foreign() -> dict[str, Callable[..., Foreign]]:
    from uhd.detect.recipe.detectron2 import detectron2
    from uhd.detect.recipe.mmdet import mmdet
    from uhd.detect.recipe.ultralytics import ultralytics

    return {"ultralytics": ultralytics, "detectron2": detectron2, "mmdet": mmdet}


def _write(recipe: Foreign, folder: Path, overwrite: bool) -> None:
    from uhd.files import save_text

    for name in recipe.files:
        if (folder / name).exists() and not overwrite:
            raise UserError(f"{folder / name}: exists; name another --output, or give --overwrite")
    for name, text in recipe.files.items():
        save_text(folder / name, text)

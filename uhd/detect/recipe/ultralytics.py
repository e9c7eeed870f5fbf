"""Arguments of a training by Ultralytics, as its ``cfg`` file takes them; nothing of it is imported, it is AGPL."""

from __future__ import annotations

from pathlib import Path

import yaml

from uhd.augment.presets import augment_text
from uhd.detect.recipe.facts import Facts
from uhd.detect.recipe.foreign import Foreign, convert_command, side_of, word
from uhd.errors import UserError, nearest

# Task -> suffix of the weights.
_TASKS = {"detect": "", "segment": "-seg", "pose": "-pose"}
ARCHITECTURES = tuple(f"yolo{family}{size}" for family in ("v8", "11", "26") for size in "nsmlx")
_SMALL_SIDE = 320


def ultralytics(
    facts: Facts, data: Path, task: str, arch: str | None, epochs: int, batch: int, folder: Path
) -> Foreign:
    """Return the file and the command.

    Args:
        facts: of the data set.
        data: the data set.
        task: ``detect``, ``segment`` or ``pose``.
        arch: of :data:`ARCHITECTURES`; None for the smallest.
        epochs: passes over the images.
        batch: images per step.
        folder: where the files will lie.

    Raises:
        UserError: no such architecture.
    """
    arch = arch or "yolo11n"
    if arch not in ARCHITECTURES:
        raise UserError(
            f"--arch {arch}: not one of Ultralytics{nearest(arch, ARCHITECTURES)}: {', '.join(ARCHITECTURES)}"
        )
    table = {
        "task": task, "mode": "train", "model": f"{arch}{_TASKS[task]}.pt",
        "data": str((folder / "yolo" / "data.yaml").absolute()),  # a relative one is sought in its folder of data sets
        "epochs": epochs, "batch": batch, "imgsz": max(_SMALL_SIDE, side_of(facts, 32)),
        "patience": max(10, epochs // 3),
        "optimizer": "auto", "cos_lr": True, "seed": 0, "single_cls": len(facts.names) == 1,
    }  # fmt: skip
    own = yaml.safe_load(augment_text(task, "medium", "ultralytics"))
    own["close_mosaic"] = min(own["close_mosaic"], max(1, epochs // 5))
    text = "# yolo cfg=ultralytics.yaml\n" + yaml.safe_dump(table | own, sort_keys=False)
    convert = convert_command(facts, data, folder / "yolo", "yolo")
    setting = f"cfg={folder / 'ultralytics.yaml'}"
    return Foreign({"ultralytics.yaml": text}, (convert, f"yolo {word(setting)}"))

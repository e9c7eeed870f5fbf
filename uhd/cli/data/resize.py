"""``uhd data resize``: what the choice of ``--resize-mode`` costs."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from uhd.cli.data.place import SeedConfig, read_flags, split_seed
from uhd.config import knob
from uhd.config.groups import JsonText
from uhd.json_text import json_text
from uhd.runtime.predictor import Predictor


@dataclass(frozen=True)
class ResizeConfig(JsonText):
    """What is compared."""

    count: int = knob(64, "validation images whose pixels are compared", minimum=1, maximum=400)
    models: tuple[str, ...] = knob((), "models trained with different modes, as FILE,FILE: AP50 under each mode")


def main(argv: Sequence[str]) -> int:
    """Compare; returns the exit code."""
    data, resolved = read_flags("resize", "What the choice of --resize-mode costs.", ResizeConfig, argv)
    config = resolved[ResizeConfig]

    from uhd.data.open import open_data, read_dataset
    from uhd.evaluation.resize_study import deploy_matrix, differences, disagreeing_sizes, timings
    from uhd.load import load
    from uhd.resize import RESIZE_MODES, input_channels

    opened = open_data(data, split_seed(data, resolved[SeedConfig].seed))
    dataset = read_dataset(opened.val, dataclasses.replace(data, cache="none"), opened.report)
    images = [dataset[i].image for i in range(min(config.count, len(dataset)))]
    size = data.img_size
    table: dict[str, Any] = {
        "images": len(images),
        "img_size": list(size),
        "levels": [dataclasses.asdict(row) for row in differences(images, size)],
        "disagreeing_lengths": disagreeing_sizes(size[0]),
        "milliseconds": timings(size),
        "ap50": {},
    }
    for name in config.models:
        own = load(name).spec.resize_mode
        modes = [mode for mode in RESIZE_MODES if input_channels(mode) == input_channels(own)]
        scores = deploy_matrix(partial(_predictor, name), own, modes, dataset)
        table["ap50"][name] = {"own": own, "scores": scores}
    print(json_text(table) if config.json else _to_text(table))
    return 0


def _predictor(file: str, mode: str) -> Predictor:
    from uhd.load import load

    return load(file, resize_mode=mode).predictor


def _to_text(table: dict[str, Any]) -> str:
    height, width = table["img_size"]
    lines = [f"8-bit levels between ways to resize {table['images']} images to {height}x{width}:"]
    for row in table["levels"]:
        figures = f"mean {row['mean']:6.3f}  largest {row['largest']:3d}  changed {row['changed']:6.1%}"
        lines.append(f"  {figures}  {row['first']} / {row['second']}")
    for name, lengths in table["disagreeing_lengths"].items():
        lines.append(
            f"source lengths where {name} reads other pixels than opencv_inter_nearest for {height}: {lengths}"
        )
    times = ", ".join(f"{name} {value:.3f}" for name, value in table["milliseconds"].items())
    lines.append(f"OpenCV, 640x480 frame, median ms: {times}")
    for name, found in table["ap50"].items():
        lines.append(f"trained with {found['own']} ({name}), AP50 deployed with:")
        for mode, score in found["scores"].items():
            lines.append(f"  {score:.4f}  {mode}{'  (its own)' if mode == found['own'] else ''}")
    return "\n".join(lines)

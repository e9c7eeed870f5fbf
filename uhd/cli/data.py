"""``uhd data``: check a data set, count what it holds, look at augmented samples, choose anchors."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from uhd.cli.flags import Flags
from uhd.cli.output import claim, write_image
from uhd.config import knob
from uhd.data.config import DataConfig
from uhd.errors import UserError, nearest
from uhd.runtime.predictor import Predictor

GREEN, GRAY = (64, 255, 64), (160, 160, 160)
_ACTIONS = ("check", "stats", "preview", "anchors", "resize")


@dataclass(frozen=True)
class DataCommandConfig:
    """Options of ``uhd data``."""

    json: bool = knob(False, "print JSON")
    aug_config: Path | None = knob(None, "augmentation YAML (default: our recipe)")
    output: Path = knob(Path("preview.png"), "file of the contact sheet")
    count: int = knob(64, "samples on the contact sheet", minimum=1, maximum=400)
    num_anchors: int = knob(8, "anchors to choose", minimum=1, maximum=64)
    algorithm: str = knob(
        "kmeans", "how", choices=("kmeans", "logkmeans", "stratified", "stratified_large", "sml_fixed")
    )
    bias: float = knob(0.2, "of stratified_large", minimum=0, exclusive_minimum=True)
    plot: Path | None = knob(None, "anchors: draw boxes and anchors into this picture")
    models: tuple[str, ...] = knob(
        (), "resize: models trained with different modes, as FILE,FILE: AP50 under each mode"
    )
    seed: int = knob(0, "seed of the samples, and of the split with --split-seed none", minimum=0, original=42)


def main(argv: Sequence[str]) -> int:
    """Run ``uhd data ACTION DIR``; returns the exit code."""
    about = (
        "check: what to mend. stats: what it holds. preview: augmented samples. anchors: box sizes. "
        "resize: what the choice of --resize-mode costs."
    )
    flags = Flags("uhd data", about, (DataCommandConfig, DataConfig))
    flags.add_positional("action", nargs="?", help=", ".join(_ACTIONS))
    flags.add_positional("place", nargs="?", type=Path, help="folder of labelled images, or a data.yaml")
    resolved = flags.resolve(argv)
    action = resolved.positional.get("action")
    if action not in _ACTIONS:
        raise UserError(f"uhd data needs an action: {', '.join(_ACTIONS)}{nearest(str(action), _ACTIONS)}")
    data = resolved[DataConfig]
    if "place" in resolved.positional:
        data = dataclasses.replace(data, image_dir=resolved.positional["place"])
    config = resolved[DataCommandConfig]
    return {"check": _check, "stats": _stats, "preview": _preview, "anchors": _anchors, "resize": _resize}[action](
        data, config
    )


def _split_seed(data: DataConfig, config: DataCommandConfig) -> int:
    """Return the seed that training would split with."""
    return config.seed if data.split_seed is None else data.split_seed


def _check(data: DataConfig, config: DataCommandConfig) -> int:
    from uhd.data.check import check_data

    result = check_data(data, _split_seed(data, config))
    print(result.to_json() if config.json else result.to_text())
    return 0


def _stats(data: DataConfig, config: DataCommandConfig) -> int:
    from uhd.data.open import open_data, read_dataset
    from uhd.data.statistics import statistics

    opened = open_data(data, _split_seed(data, config))
    found = {}
    for name, records in (("train", opened.train), ("val", opened.val)):
        found[name] = statistics(read_dataset(records, data, opened.report), opened.names, data.img_size[0])
    if config.json:
        print(json.dumps({name: split.to_dict() for name, split in found.items()}, indent=1))
        return 0
    for name, split in found.items():
        print("\n  ".join([name, *split.lines()]))
    for line in opened.report.lines():
        print(line)
    return 0


def _preview(data: DataConfig, config: DataCommandConfig) -> int:
    root = data.image_dir
    if root is not None and root.is_dir() and config.output.resolve().is_relative_to(root.resolve()):
        raise UserError(f"{config.output}: lies in the data set, which is never written to; give another --output")
    claim(config.output, (".png", ".jpg", ".jpeg", ".webp", ".bmp"))
    import cv2
    import numpy as np

    from uhd.augment.pipeline import Pipeline
    from uhd.data.open import open_data, read_dataset
    from uhd.draw import COLOURS, contact_sheet

    pipeline = Pipeline.load(config.aug_config, data.classes)
    opened = open_data(data, _split_seed(data, config))
    rng = np.random.default_rng(config.seed)
    chosen = rng.permutation(len(opened.train))[: config.count * 2]
    dataset = read_dataset([opened.train[i] for i in chosen], data, opened.report)
    tiles = []
    for i in range(min(config.count, len(dataset))):
        sample = pipeline(
            dataset[i],
            np.random.default_rng([config.seed, i]),
            data.img_size,
            data.resize_mode,
            lambda draw: dataset[int(draw.integers(len(dataset)))],
        )
        factor = max(1, 128 // data.img_size[0])
        tile = cv2.resize(sample.image, None, fx=factor, fy=factor, interpolation=cv2.INTER_NEAREST)
        # With several classes, a colour each: what class_swap_map exchanges can be seen.
        colours = [GREEN if len(opened.names) == 1 else COLOURS[label % len(COLOURS)] for label in sample.labels]
        for boxes, shades in ((sample.ignore, [GRAY] * len(sample.ignore)), (sample.boxes, colours)):
            scaled = (boxes * np.array([tile.shape[1], tile.shape[0]] * 2)).round().astype(int)
            for (x0, y0, x1, y1), colour in zip(scaled.tolist(), shades, strict=True):
                cv2.rectangle(tile, (x0, y0), (x1 - 1, y1 - 1), colour, 1)
        tiles.append(np.asarray(tile, np.uint8))
    write_image(config.output, contact_sheet(tiles))
    meaning = "green boxes are people" if len(opened.names) == 1 else "a colour for each class"
    print(f"wrote {config.output}: {len(tiles)} samples; {meaning}, gray boxes count neither way")
    return 0


def _anchors(data: DataConfig, config: DataCommandConfig) -> int:
    import numpy as np

    from uhd.anchors import auto_anchors, wh_iou
    from uhd.data.open import open_data

    if config.plot is not None:
        claim(config.plot, (".png", ".jpg", ".jpeg", ".pdf", ".svg", ".webp"))
    opened = open_data(data, _split_seed(data, config))
    sizes = [record.boxes[:, 2:] - record.boxes[:, :2] for record in opened.train]
    stacked = np.concatenate(sizes)
    found = auto_anchors(stacked, config.num_anchors, config.algorithm, config.bias)
    print('--anchors "' + " ".join(f"{w:.6f},{h:.6f}" for w, h in found) + '"')
    print(f"{len(stacked)} boxes; mean best IoU {float(wh_iou(stacked, found).max(1).mean()):.4f}")
    if config.plot is not None:
        from uhd.evaluation.anchor_plot import plot_anchors

        print(f"wrote {plot_anchors(stacked, found, config.plot)}")
    return 0


def _predictor(file: str, mode: str) -> Predictor:
    from uhd.load import load

    return load(file, resize_mode=mode).predictor


def _resize(data: DataConfig, config: DataCommandConfig) -> int:
    from uhd.data.open import open_data, read_dataset
    from uhd.evaluation.resize_study import deploy_matrix, differences, disagreeing_sizes, timings
    from uhd.load import load
    from uhd.resize import RESIZE_MODES, input_channels

    opened = open_data(data, _split_seed(data, config))
    whole = dataclasses.replace(data, cache="none")
    dataset = read_dataset(opened.val, whole, opened.report)
    images = [dataset[i].image for i in range(min(config.count, len(dataset)))]
    size = data.img_size
    print(f"8-bit levels between ways to resize {len(images)} images to {size[0]}x{size[1]}:")
    for row in differences(images, size):
        print(
            f"  mean {row.mean:6.3f}  largest {row.largest:3d}  changed {row.changed:6.1%}  {row.first} / {row.second}"
        )
    for name, lengths in disagreeing_sizes(size[0]).items():
        print(f"source lengths where {name} reads other pixels than opencv_inter_nearest for {size[0]}: {lengths}")
    print("OpenCV, 640x480 frame, median ms: " + ", ".join(f"{k} {v:.3f}" for k, v in timings(size).items()))
    for name in config.models:
        own = load(name).spec.resize_mode
        modes = [mode for mode in RESIZE_MODES if input_channels(mode) == input_channels(own)]
        scores = deploy_matrix(partial(_predictor, name), own, modes, dataset)
        print(f"trained with {own} ({name}), AP50 deployed with:")
        for mode, score in scores.items():
            print(f"  {score:.4f}  {mode}{'  (its own)' if mode == own else ''}")
    return 0

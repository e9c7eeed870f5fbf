"""``uhd data preview``: augmented samples on one sheet, as the network will see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from uhd.cli.data.place import SeedConfig, read_flags, split_seed
from uhd.cli.output import claim, write_image
from uhd.config import knob

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from uhd.sample import Sample

GREEN, GRAY = (64, 255, 64), (160, 160, 160)


@dataclass(frozen=True)
class PreviewConfig:
    """What is drawn, and where."""

    aug_config: Path | None = knob(None, "augmentation YAML (default: our recipe)")
    output: Path = knob(Path("preview.png"), "file of the contact sheet")
    count: int = knob(64, "samples on the contact sheet", minimum=1, maximum=400)


def main(argv: Sequence[str]) -> int:
    """Draw; returns the exit code."""
    data, resolved = read_flags("preview", "Augmented samples on one sheet.", PreviewConfig, argv)
    config, seed = resolved[PreviewConfig], resolved[SeedConfig].seed
    claim(config.output, (".png", ".jpg", ".jpeg", ".webp", ".bmp"), data=data)

    import numpy as np

    from uhd.augment.pipeline import Pipeline
    from uhd.data.multi_label import arrange_classes
    from uhd.data.open import open_data, read_dataset
    from uhd.draw import contact_sheet

    pipeline = Pipeline.load(config.aug_config, arrange_classes(data).classes)
    opened = open_data(data, split_seed(data, seed))
    chosen = np.random.default_rng(seed).permutation(len(opened.train))[: config.count * 2]
    dataset = read_dataset([opened.train[i] for i in chosen], data, opened.report)
    tiles = []
    for i in range(min(config.count, len(dataset))):
        sample = pipeline(
            dataset[i],
            np.random.default_rng([seed, i]),
            data.img_size,
            data.resize_mode,
            lambda draw: dataset[int(draw.integers(len(dataset)))],
        )
        tiles.append(draw_sample(sample, max(1, 128 // data.img_size[0]), len(opened.names)))
    write_image(config.output, contact_sheet(tiles))
    meaning = "green boxes are people" if len(opened.names) == 1 else "a colour for each class"
    print(f"wrote {config.output}: {len(tiles)} samples; {meaning}, gray boxes count neither way")
    return 0


def draw_sample(sample: Sample, factor: int, classes: int) -> NDArray[np.uint8]:
    """Return the image enlarged by a whole factor, uint8 (H, W, 3), with its boxes; ignored regions are gray."""
    import cv2
    import numpy as np

    from uhd.draw import COLOURS

    tile = cv2.resize(sample.image, None, fx=factor, fy=factor, interpolation=cv2.INTER_NEAREST)
    # With several classes, a colour each: what class_swap_map exchanges can be seen.
    colours = [GREEN if classes == 1 else COLOURS[label % len(COLOURS)] for label in sample.labels]
    for boxes, shades in ((sample.ignore, [GRAY] * len(sample.ignore)), (sample.boxes, colours)):
        scaled = (boxes * np.array([tile.shape[1], tile.shape[0]] * 2)).round().astype(int)
        for (x0, y0, x1, y1), colour in zip(scaled.tolist(), shades, strict=True):
            cv2.rectangle(tile, (x0, y0), (x1 - 1, y1 - 1), colour, 1)
    return np.asarray(tile, np.uint8)

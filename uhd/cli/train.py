"""``uhd train`` and the root script ``train.py``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from uhd.cli.flags import Flags
from uhd.cli.sizes import sized_settings


def main(argv: Sequence[str], program: str = "uhd train", default_preset: str = "uhd") -> int:
    """Train a detector; returns the exit code."""
    from uhd.compress.config import QuantiseConfig
    from uhd.data.config import DataConfig
    from uhd.losses.config import LossConfig
    from uhd.losses.distillation.config import DistillConfig
    from uhd.models import ARCHITECTURES
    from uhd.models.ultratinyod.variants import VariantConfig
    from uhd.training.config import TrainConfig

    networks = [architecture.config for architecture in ARCHITECTURES.values()]
    kinds = (DataConfig, TrainConfig, *networks, VariantConfig, LossConfig, DistillConfig, QuantiseConfig)
    about = "Train a detector on a folder of images with YOLO labels."
    flags = Flags(program, about, kinds, default_preset, sized_settings)
    flags.add_positional(
        "data", nargs="?", type=Path, help="folder of labelled images, or a data.yaml", fills="image_dir"
    )
    resolved = flags.resolve(argv)
    data, train = resolved[DataConfig], resolved[TrainConfig]
    loss, quantisation, distill = resolved[LossConfig], resolved[QuantiseConfig], resolved[DistillConfig]

    import cv2

    from uhd.detect.run import find_last, run
    from uhd.detect.starting import Settings, started
    from uhd.training.trainer import Interrupted

    def model_of(arch: str) -> Any:
        return resolved[ARCHITECTURES[arch].config]

    settings = Settings(train, data, model_of(train.arch), loss, quantisation, distill)
    last = find_last(train.resume)
    source = last or train.ckpt
    if source is not None:
        settings, line = started(settings, source, resolved.typed, model_of, resume=last is not None)
        if int(os.environ.get("RANK", "0")) == 0:
            print(line)

    # The images are tiny: OpenCV's own threads only get in the way of torch's.
    cv2.setNumThreads(0)
    try:
        run(settings.train, settings.data, settings.model, settings.loss, settings.quantisation, settings.distill)
    except Interrupted:
        return 130
    return 0

"""``uhd train`` and the root script ``train.py``."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from uhd.cli.flags import Flags
from uhd.cli.later import LaterTrainConfig, refuse_later
from uhd.config import preset
from uhd.errors import UserError


def main(argv: Sequence[str], program: str = "uhd train", default_preset: str = "uhd") -> int:
    """Train a detector; returns the exit code."""
    from uhd.data.config import DataConfig
    from uhd.losses.config import LossConfig
    from uhd.models import ARCHITECTURES
    from uhd.models.ultratinyod.config import UltraTinyODConfig
    from uhd.models.ultratinyod.variants import VariantConfig, sized
    from uhd.training.config import TrainConfig

    networks = [architecture.config for architecture in ARCHITECTURES.values()]
    kinds = (DataConfig, TrainConfig, *networks, VariantConfig, LossConfig, LaterTrainConfig)
    about = "Train a detector on a folder of images with YOLO labels."
    flags = Flags(program, about, kinds, default_preset)
    flags.add_positional("data", nargs="?", type=Path, help="folder of labelled images, or a data.yaml")
    resolved = flags.resolve(argv)
    refuse_later(resolved, LaterTrainConfig)
    data, train = resolved[DataConfig], resolved[TrainConfig]
    loss = resolved[LossConfig]
    typed = set(resolved.typed)
    if "data" in resolved.positional:
        data = dataclasses.replace(data, image_dir=resolved.positional["data"])
        typed.add("image_dir")

    import cv2

    from uhd.models.weights import read_checkpoint
    from uhd.training.continuing import continued
    from uhd.training.run import find_last, run
    from uhd.training.trainer import Interrupted

    if (last := find_last(train.resume)) is not None:
        state = read_checkpoint(last)
        data = continued(data, "data_config", state, typed, last)
        loss = continued(loss, "loss_config", state, typed, last)
        train = dataclasses.replace(continued(train, "train_config", state, typed, last), resume=train.resume)
    if train.arch not in ARCHITECTURES:
        raise UserError(f"--arch {train.arch} is not available yet: choose from {', '.join(ARCHITECTURES)}")
    model = resolved[ARCHITECTURES[train.arch].config]
    if isinstance(model, UltraTinyODConfig) and resolved[VariantConfig].variant is not None:
        model = sized(model, resolved[VariantConfig].variant, typed)
        typed.add("cnn_width")
    if last is not None:
        model = continued(model, "model_config", state, typed, last)

    if train.aug_config == preset(TrainConfig, "original").aug_config and not Path(str(train.aug_config)).exists():
        # The original's path holds inside its repository only; elsewhere the same file comes with the package.
        train = dataclasses.replace(train, aug_config=Path(str(files("uhd"))) / "aug.yaml")

    # The images are tiny: OpenCV's own threads only get in the way of torch's.
    cv2.setNumThreads(0)
    try:
        run(train, data, model, loss)
    except Interrupted:
        return 130
    return 0

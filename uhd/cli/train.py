"""``uhd train`` and the root script ``train.py``."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uhd.cli.flags import Flags, Resolved
from uhd.cli.sizes import sized_settings
from uhd.compress.config import QuantiseConfig
from uhd.compress.prune_config import PruneConfig
from uhd.data.config import DataConfig
from uhd.detect.config import DetectConfig
from uhd.losses.config import LossConfig
from uhd.losses.distillation.config import DistillConfig
from uhd.models import ARCHITECTURES
from uhd.models.ultratinyod.variants import VariantConfig
from uhd.training.config import TrainConfig

if TYPE_CHECKING:
    from uhd.detect.run import Run
    from uhd.detect.settings import Settings
    from uhd.training.hooks import Hook


def main(argv: Sequence[str], program: str = "uhd train", default_preset: str = "uhd") -> int:
    """Train a detector; returns the exit code."""
    return train_resolved(flags_of(program, default_preset).resolve(argv))


def train_resolved(resolved: Resolved) -> int:
    """Train as settings say; returns the exit code."""
    from uhd.training.trainer import Interrupted

    try:
        train_as(resolved)
    except Interrupted:
        return 130
    return 0


def flags_of(
    program: str = "uhd train", default_preset: str = "uhd", more: Sequence[type[Any]] = (), start: str = ""
) -> Flags:
    """Return the flags of training, and those of ``more`` configurations in front of them.

    With ``start``, which says what it is, the first argument without a flag is the checkpoint to start from.
    """
    networks = [architecture.config for architecture in ARCHITECTURES.values()]
    kinds = (DataConfig, TrainConfig, DetectConfig, *networks, VariantConfig, LossConfig, DistillConfig, QuantiseConfig)
    about = "Train a detector on a folder of images with YOLO labels."
    flags = Flags(program, about, (*more, *kinds), default_preset, sized_settings)
    if start:
        flags.add_positional("model", nargs="?", type=Path, help=start, fills="ckpt")
    flags.add_positional(
        "data", nargs="?", type=Path, help="folder of labelled images, or a data.yaml", fills="image_dir"
    )
    return flags


def train_as(resolved: Resolved, hooks: Sequence[Hook] = ()) -> Run:
    """Train as a command line or keyword arguments say.

    Raises:
        UserError: anything the user can mend.
        Interrupted: stopped by the user; the run is saved.
    """
    import cv2

    from uhd.detect.run import run

    settings = settings_of(resolved)
    # The images are tiny: OpenCV's own threads only get in the way of torch's.
    cv2.setNumThreads(0)
    return run(settings, hooks)


def settings_of(resolved: Resolved) -> Settings:
    """Return the settings of a run as flags, and the checkpoint that it starts from, say.

    Raises:
        UserError: the checkpoint cannot be used.
    """
    data, train, detect = resolved[DataConfig], resolved[TrainConfig], resolved[DetectConfig]
    loss, quantisation, distill = resolved[LossConfig], resolved[QuantiseConfig], resolved[DistillConfig]

    from uhd.detect.settings import Settings
    from uhd.detect.starting import start_file, take_settings
    from uhd.training.distributed import number_in_environment
    from uhd.training.folder import find_last, unreadable
    from uhd.training.progress import say

    def model_of(arch: str) -> Any:
        return resolved[ARCHITECTURES[arch].config]

    train = dataclasses.replace(train, ckpt=start_file(train.ckpt))
    prune = resolved.configs.get(PruneConfig, PruneConfig())
    settings = Settings(train, detect, data, model_of(detect.arch), loss, quantisation, distill, resolved.typed, prune)
    last = find_last(train.resume)
    source = last or train.ckpt
    if source is not None:
        settings, line = take_settings(settings, source, model_of, resume=last is not None)
        if number_in_environment("RANK", 0) == 0:
            for said in filter(None, (unreadable(train.resume, last), line)):
                say(said)
    return settings

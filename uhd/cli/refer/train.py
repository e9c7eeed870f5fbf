"""``uhd refer train``: learn to find who is meant."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from uhd.cli.flags import Flags
from uhd.refer.config import PromptConfig, RatesConfig, ReferDataConfig, StartConfig
from uhd.refer.loss_config import ReferLossConfig
from uhd.refer.model.config import ReferModelConfig
from uhd.training.config import TrainConfig


def flags_of() -> Flags:
    """Return the flags of this training."""
    about = "Train a network that finds the person whom a text, a point, a scribble or a box means."
    kinds = (ReferDataConfig, TrainConfig, ReferModelConfig, PromptConfig, ReferLossConfig, RatesConfig, StartConfig)
    flags = Flags("uhd refer train", about, kinds)
    flags.add_positional("data", nargs="?", type=Path, help="folder that uhd refer data made", fills="data")
    return flags


def main(argv: Sequence[str]) -> int:
    """Train; returns the exit code."""
    resolved = flags_of().resolve(argv)

    import cv2

    from uhd.refer.run import ReferSettings, train_refer
    from uhd.training.trainer import Interrupted

    cv2.setNumThreads(0)
    settings = ReferSettings(
        resolved[TrainConfig], resolved[ReferDataConfig], resolved[ReferModelConfig], resolved[PromptConfig],
        resolved[ReferLossConfig], resolved.typed, resolved[RatesConfig], resolved[StartConfig],
    )  # fmt: skip
    try:
        train_refer(settings)
    except Interrupted:
        return 130
    return 0

"""``uhd data augment-config``: augmentation for a task at an intensity, for us or for other libraries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from uhd.augment.presets import INTENSITIES, TARGETS, TASKS, augment_text
from uhd.cli.flags import Flags
from uhd.config import knob, same_knob
from uhd.data.config import DataConfig
from uhd.errors import UserError
from uhd.files import save_text


@dataclass(frozen=True)
class AugmentConfig:
    """For what, how much, and for whom."""

    task: str = knob("detect", "what is learnt", choices=TASKS)
    intensity: str = knob("medium", "how much is changed; medium is the recipe of uhd train", choices=INTENSITIES)
    target: str = knob("uhd", "whose file: ours, or that of another library", choices=tuple(TARGETS))
    img_size: tuple[int, int] = same_knob(DataConfig, "img_size", (64, 64))
    output: Path | None = knob(None, "file to write (default: print it)")
    overwrite: bool = knob(False, "replace an existing file")


def main(argv: Sequence[str]) -> int:
    """Write or print; returns the exit code."""
    flags = Flags("uhd data augment-config", "Augmentation for a task, as a file to begin with.", (AugmentConfig,))
    config = flags.resolve(argv)[AugmentConfig]
    text = augment_text(config.task, config.intensity, config.target, config.img_size)
    if config.output is None:
        print(text, end="")
        return 0
    if config.output.exists() and not config.overwrite:
        raise UserError(f"{config.output}: exists; name another file, or give --overwrite")
    save_text(config.output, text)
    print(f"wrote {config.output}")
    return 0

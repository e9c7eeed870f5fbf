"""What every sub-verb of ``uhd data`` starts with: flags, and the data set they are about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from uhd.cli.flags import Flags, Resolved
from uhd.config import knob
from uhd.data.config import DataConfig


@dataclass(frozen=True)
class SeedConfig:
    """Where chance comes in."""

    seed: int = knob(0, "seed of the samples, and of the split with --split-seed none", minimum=0, original=42)


def read_flags(name: str, about: str, kind: type[Any], argv: Sequence[str]) -> tuple[DataConfig, Resolved]:
    """Return the data set that a command line names, and all it says.

    Args:
        name: the sub-verb.
        about: what it does.
        kind: its configuration.
        argv: the arguments behind it.
    """
    flags = Flags(f"uhd data {name}", about, (kind, SeedConfig, DataConfig))
    flags.add_positional(
        "place", nargs="?", type=Path, help="folder of labelled images, or a data.yaml", fills="image_dir"
    )
    resolved = flags.resolve(json_to_output(argv))
    return resolved[DataConfig], resolved


def split_seed(data: DataConfig, seed: int) -> int:
    """Return the seed that training would split with."""
    return seed if data.split_seed is None else data.split_seed


def json_to_output(argv: Sequence[str]) -> list[str]:
    """Return arguments in which ``--json -`` says ``--json``: other commands know the dash, here it changes nothing."""
    return [word for before, word in zip(["", *argv], argv, strict=False) if (before, word) != ("--json", "-")]

"""``uhd convert-weights``: the same detector from torch to Keras or back, equal to the bit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from uhd.cli.flags import Flags
from uhd.cli.output import claim
from uhd.config import knob
from uhd.errors import UserError
from uhd.model_file import model_file

_TORCH, _KERAS = (".pt", ".safetensors"), ".keras"


@dataclass(frozen=True)
class ConvertConfig:
    """What may happen to the file that is written."""

    overwrite: bool = knob(False, "replace the file if it is there")


def main(argv: Sequence[str]) -> int:
    """Convert; returns the exit code."""
    flags = Flags(
        "uhd convert-weights", "Weights from torch to Keras (.keras) or back (.safetensors).", (ConvertConfig,)
    )
    flags.add_positional("source", nargs="?", type=Path, help=".pt, .safetensors, .keras, run folder, or small, ...")
    flags.add_positional("target", nargs="?", type=Path, help=".keras, or .safetensors for a .keras")
    resolved = flags.resolve(argv)
    source, target = (resolved.positional.get(name) for name in ("source", "target"))
    if source is None or target is None:
        raise UserError("uhd convert-weights needs two files: uhd convert-weights a.safetensors b.keras")
    source = model_file(source, (".safetensors",))
    if target.exists() and not resolved[ConvertConfig].overwrite:
        raise UserError(f"{target}: exists already; --overwrite, or another name")
    claim(target, (_KERAS, *_TORCH), [source])
    kinds = source.suffix.lower(), target.suffix.lower()
    if kinds[0] in _TORCH and kinds[1] == _KERAS:
        from uhd.keras_detector.from_torch import torch_to_keras

        torch_to_keras(source, target)
    elif kinds == (_KERAS, ".safetensors"):
        from uhd.keras_detector.from_torch import keras_to_torch

        keras_to_torch(source, target)
    else:
        raise UserError(f"{source} to {target}: one is .pt or .safetensors and the other .keras (.pt is only read)")
    print(f"wrote {target}")
    return 0

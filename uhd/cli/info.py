"""``uhd info``: size, cost and layers of a model."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

from uhd.cli.flags import Flags
from uhd.errors import UserError


def main(argv: Sequence[str]) -> int:
    """Print a model's size; returns the exit code."""
    from uhd.cli.inspect import InfoConfig
    from uhd.data.config import DataConfig
    from uhd.models.ultratinyod.config import UltraTinyODConfig

    kinds = (InfoConfig, UltraTinyODConfig, DataConfig)
    flags = Flags("uhd info", "Parameters, multiply-adds and layers of a model.", kinds)
    flags.add_positional("file", nargs="?", type=Path, help="checkpoint; without one the flags describe the model")
    resolved = flags.resolve(argv)
    from uhd.models.profile import profile
    from uhd.models.ultratinyod import UltraTinyOD
    from uhd.models.weights import load_model
    from uhd.resize import input_channels, parse_size

    data, size = resolved[DataConfig], resolved[DataConfig].img_size
    file: Path | None = resolved.positional.get("file")
    if file is not None:
        if file.suffix.lower() not in (".pt", ".safetensors"):
            raise UserError(f"{file}: uhd info reads .pt and .safetensors; what other files say: uhd inspect {file}")
        model, meta = load_model(file)
        size = size if "img_size" in resolved.typed else parse_size(str(meta.get("img_size") or "64x64"))
    else:
        config = dataclasses.replace(
            resolved[UltraTinyODConfig], in_channels=input_channels(data.resize_mode), num_classes=len(data.classes)
        )
        model = UltraTinyOD(config)
    result = profile(model, size)
    if resolved[InfoConfig].json:
        print(json.dumps(result.to_dict(), indent=1))
    else:
        print(result.to_text(resolved[InfoConfig].layers))
    return 0

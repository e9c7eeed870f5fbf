"""``uhd info``: size, cost and layers of a model."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from uhd.cli.flags import Flags
from uhd.cli.output import claim
from uhd.cli.sizes import sized_settings
from uhd.config import knob
from uhd.config.groups import JsonText
from uhd.errors import UserError
from uhd.json_text import json_text
from uhd.model_file import model_file
from uhd.models import ARCHITECTURES


@dataclass(frozen=True)
class InfoConfig(JsonText):
    """How ``uhd info`` prints. ``--layers`` is taken: so many has a transformer."""

    layer_table: bool = knob(True, "print the table of layers", shortcuts={"no_layers": False})
    time: bool = knob(False, "measure how long every layer takes, on one thread")
    diagram: Path | None = knob(None, "draw the blocks of an .onnx file as SVG into this file")


@dataclass(frozen=True)
class ArchConfig:
    """Which architecture the flags describe, where no file is given."""

    arch: str = knob("ultratinyod", "architecture", choices=tuple(ARCHITECTURES))


def main(argv: Sequence[str]) -> int:
    """Print a model's size; returns the exit code."""
    from uhd.compress.config import QuantiseConfig
    from uhd.data.config import DataConfig
    from uhd.models.ultratinyod.variants import VariantConfig

    kinds: list[type[Any]] = [
        InfoConfig,
        *(each.config for each in ARCHITECTURES.values()),
        DataConfig,
        ArchConfig,
        VariantConfig,
        QuantiseConfig,
    ]
    flags = Flags("uhd info", "Parameters, multiply-adds and layers of a model.", kinds, settle=sized_settings)
    flags.add_positional("file", nargs="?", type=Path, help="checkpoint; without one the flags describe the model")
    resolved = flags.resolve(argv)
    from uhd.compress.fake_quantise import quantise
    from uhd.models.profile import RUNS, profile
    from uhd.models.weights import load_model
    from uhd.resize import input_channels, parse_size

    data, size = resolved[DataConfig], resolved[DataConfig].img_size
    file: Path | None = resolved.positional.get("file")
    if file is not None:
        file = model_file(file)
        drawing = resolved[InfoConfig].diagram
        if drawing is not None:
            return _draw(file, drawing)
        if file.suffix.lower() == ".onnx":
            return _of_onnx(file, resolved[InfoConfig])
        if file.suffix.lower() not in (".pt", ".safetensors", ".keras"):
            raise UserError(
                f"{file}: uhd info reads .pt, .safetensors, .keras and .onnx; what others say: uhd inspect {file}"
            )
        model, meta = load_model(file)
        size = size if "img_size" in resolved.typed else parse_size(str(meta.get("img_size") or "64x64"))
    else:
        architecture = ARCHITECTURES[resolved[ArchConfig].arch]
        config = dataclasses.replace(
            resolved[architecture.config], in_channels=input_channels(data.resize_mode), num_classes=len(data.classes)
        )
        model = quantise(architecture.network(config), resolved[QuantiseConfig])
    result = profile(model, size, runs=RUNS if resolved[InfoConfig].time else 0)
    if resolved[InfoConfig].json:
        print(json_text(result.to_dict()))
    else:
        print(result.to_text(resolved[InfoConfig].layer_table))
    return 0


def _of_onnx(file: Path, config: InfoConfig) -> int:
    from uhd.export.onnx.profile import opset_of, profile_onnx, to_text

    rows, times = profile_onnx(file), dict[str, float]()
    if config.time:
        from uhd.export.onnx.layer_times import layer_times

        times = layer_times(file)
    if config.json:
        table = [dataclasses.asdict(row) | ({"milliseconds": times.get(row.name)} if times else {}) for row in rows]
        print(json_text(table))
    else:
        print(to_text(rows, config.layer_table, opset_of(file), times))
    return 0


def _draw(file: Path, drawing: Path) -> int:
    if file.suffix.lower() != ".onnx":
        raise UserError(f"{file}: --diagram draws an exported graph; write one: uhd export {file}")
    if drawing.suffix.lower() != ".svg":
        raise UserError(f"{drawing}: a drawing is written as SVG; let the file's name end in .svg")
    claim(drawing, (".svg",), [file])

    from uhd.export.onnx.diagram import write_diagram

    print(f"wrote {write_diagram(file, drawing)}")
    return 0

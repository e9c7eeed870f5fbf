"""``uhd inspect``: what a file says of itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from uhd.cli.flags import Flags
from uhd.config import knob
from uhd.errors import UserError
from uhd.model_file import model_file

_TABLES = {"anchors": "Anchors", "wh_scale": "wh_scale"}  # titles of the original's tool


@dataclass(frozen=True)
class InspectConfig:
    """How ``uhd inspect`` prints."""

    json: bool = knob(False, "print JSON")


def main(argv: Sequence[str], program: str = "uhd inspect", default_preset: str = "uhd") -> int:
    """Print a file's metadata and tensors; returns the exit code."""
    flags = Flags(program, "What a checkpoint or model file says of itself.", (InspectConfig,), default_preset)
    flags.add_positional("file", type=Path, nargs="?", help="model file or the folder of a run")
    resolved = flags.resolve(argv)
    path = resolved.positional.get("file")
    if path is None:
        raise UserError(f"{program} needs a file")
    table = _read(model_file(path))
    if resolved[InspectConfig].json:
        print(json.dumps(table, indent=1, default=str))
        return 0
    for name, title in _TABLES.items():
        if name in table:
            print(f"=== {title} ===\n{np.array(table.pop(name), np.float32)}\n")
    for name, value in table.items():
        if isinstance(value, dict):
            print(f"{name}:")
            for key, item in value.items():
                print(f"  {key}: {item}")
        else:
            print(f"{name}: {value}")
    return 0


def _read(path: Path) -> dict[str, Any]:
    if path.suffix.lower() == ".keras":
        from uhd.cli.keras_file import read_keras

        return read_keras(path)
    if path.suffix.lower() == ".tflite":
        from uhd.runtime.litert import describe

        return describe(path)
    if path.suffix.lower() == ".c":
        from uhd.export.c.predictor import read_metadata

        return {"file": str(path), "metadata": read_metadata(path)}
    if path.suffix.lower() == ".espdl":
        from uhd.export.espdl.record import simulator_path

        return {**_onnx(simulator_path(path)), "file": str(path)}
    return _onnx(path) if path.suffix.lower() == ".onnx" else _weights(path)


def _onnx(path: Path) -> dict[str, Any]:
    from uhd.runtime.onnx import open_session

    session = open_session(path, 1)
    return {
        "file": str(path),
        "inputs": {item.name: f"{item.shape} {item.type}" for item in session.get_inputs()},
        "outputs": {item.name: f"{item.shape} {item.type}" for item in session.get_outputs()},
        "metadata": dict(session.get_modelmeta().custom_metadata_map),
    }


def _weights(path: Path) -> dict[str, Any]:
    from uhd.models.weights import read_weights

    state, meta = read_weights(path)
    tables = {name: state[f"head.{name}"] for name in ("anchors", "wh_scale") if f"head.{name}" in state}
    learnt = {name: [[round(v, 6) for v in row] for row in table.tolist()] for name, table in tables.items()}
    return {
        "file": str(path),
        "parameters": sum(value.numel() for value in state.values() if value.is_floating_point()),
        "metadata": meta,
        **learnt,
        "tensors": {name: f"{list(value.shape)} {value.dtype}" for name, value in state.items()},
    }

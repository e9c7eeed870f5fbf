"""What a ``.keras`` file says of itself, read without Keras: a zip of JSON and an HDF5 file of weights."""

from __future__ import annotations

import json
import zipfile
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from uhd.errors import UserError

WEIGHTS = "model.weights.h5"


def read_keras(path: Path) -> dict[str, Any]:
    """Return file, metadata, anchors, ``wh_scale`` and tensors as text.

    Keras numbers the weights of a layer and keeps no names. Anchors and their scale are the two tables of pairs that
    lie in one layer; the scale is the one nearer to 1, where its training starts.

    Raises:
        UserError: missing, not such a file, or h5py is not installed.
    """
    try:
        with zipfile.ZipFile(path) as file:
            tables = {name: json.loads(file.read(name)) for name in ("metadata.json", "config.json")}
            content = file.read(WEIGHTS)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise UserError(f"{path}: not a .keras file: {' '.join(str(error).split())[:120]}") from None
    arrays = _arrays(content, path)
    found: dict[str, Any] = {
        "file": str(path),
        "parameters": sum(int(values.size) for values in arrays.values()),
        "metadata": {**tables["metadata.json"], "class_name": tables["config.json"].get("class_name")},
    }
    ours = found["metadata"].pop("uhd", None)
    found["metadata"] |= _card(ours or _anchor_layer(tables["config.json"]))
    found |= _anchors(arrays)
    found["tensors"] = {name: f"{list(values.shape)} {values.dtype}" for name, values in arrays.items()}
    return found


def _arrays(content: bytes, path: Path) -> dict[str, NDArray[Any]]:
    try:
        h5py: Any = import_module("h5py")  # comes with Keras; no dependency of this package
    except ImportError:
        raise UserError(f"{path}: reading .keras files needs h5py: pip install h5py") from None
    arrays: dict[str, NDArray[Any]] = {}

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            arrays[name] = np.asarray(item)

    try:
        with h5py.File(BytesIO(content), "r") as file:
            file.visititems(visit)
    except OSError as error:
        raise UserError(f"{path}: its weights cannot be read: {' '.join(str(error).split())[:120]}") from None
    return arrays


def _card(ours: dict[str, Any]) -> dict[str, Any]:
    """Return what a detector of this package says of itself, beside its anchors."""
    told = ours.get("card", {})
    return {**told.get("model_config", {}), **told.get("card", {})}


def _anchor_layer(config: dict[str, Any]) -> dict[str, Any]:
    """Return the configuration of the layer that held the anchors in earlier files."""
    layers = config.get("config", {}).get("layers", [])
    return next((each["config"] for each in layers if each.get("class_name") == "AnchorTable"), {})


def _anchors(arrays: dict[str, NDArray[Any]]) -> dict[str, Any]:
    layers: dict[str, list[NDArray[Any]]] = {}
    for name, values in arrays.items():
        if values.ndim == 2 and values.shape[1] == 2 and not name.startswith("optimizer"):
            layers.setdefault(name.rsplit("/", 1)[0], []).append(values)
    pairs = [tables for tables in layers.values() if len(tables) == 2 and tables[0].shape == tables[1].shape]
    if len(pairs) != 1:
        return {}
    scale, anchors = sorted(pairs[0], key=lambda table: float(np.abs(np.log(np.abs(table) + 1e-9)).mean()))
    return {"anchors": anchors.tolist(), "wh_scale": scale.tolist()}

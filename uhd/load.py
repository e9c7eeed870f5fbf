"""``load(path)``: any model file becomes a detector; a framework is imported when its file type is asked for."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from types import ModuleType
from typing import Any

from uhd.errors import UserError, install_hint
from uhd.runtime.detector import Detector

DEFAULT_MODEL = "ultratinyod_w32_64x64.onnx"
# Suffix -> module, class, and the extra of this package that installs what it needs.
_PREDICTORS = {
    ".onnx": ("uhd.runtime.onnx", "OnnxPredictor", ""),
    ".safetensors": ("uhd.models.predictor", "TorchPredictor", "train"),
    ".pt": ("uhd.models.predictor", "TorchPredictor", "train"),
    ".c": ("uhd.export.c.predictor", "CPredictor", ""),
    ".espdl": ("uhd.export.espdl.simulator", "EspdlPredictor", "espdl"),
    ".tflite": ("uhd.runtime.litert", "LitertPredictor", ""),
}


def default_model() -> Path:
    """Return the model that comes with the package.

    Raises:
        UserError: this installation has none.
    """
    folder = Path(str(files("uhd"))) / "weights"
    found = sorted(folder.glob("*.onnx"))
    if not found:
        raise UserError(f"{folder}: no model comes with this installation; give the path of one")
    return folder / DEFAULT_MODEL if folder / DEFAULT_MODEL in found else found[0]


def load(path: str | Path | None = None, **known: Any) -> Detector:
    """Load a model.

    Args:
        path: ``.onnx``, ``.safetensors`` or ``.pt``; None takes the model in the package.
        known: options of the runtime (``threads=2``) and what replaces the file's metadata (``resize_mode=...``).

    Raises:
        UserError: unknown suffix, missing or unreadable file, or the framework is not installed.

    Example:
        >>> import uhd
        >>> people = uhd.load()("photo.jpg")  # doctest: +SKIP
    """
    path = default_model() if path is None else Path(path)
    suffix = path.suffix.lower()
    if suffix not in _PREDICTORS:
        raise UserError(f"{path}: not a model file; known are {', '.join(_PREDICTORS)}")
    if not path.is_file():
        raise UserError(f"{path}: there is no such file")
    known = {name: value for name, value in known.items() if value is not None}
    if "heads" in known and suffix not in (".pt", ".safetensors"):
        raise UserError(f"{path}: its attention heads are built in; leave out --heads")
    module, name, extra = _PREDICTORS[suffix]
    try:
        return Detector(getattr(import_module(module), name)(path, **known))
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing == "uhd":
            raise
        how = install_hint(extra) if extra else f"pip install '{missing.replace('_', '-')}'"
        raise UserError(f"{path}: a {suffix} file needs {missing}: {how}") from None


class _CallableModule(ModuleType):
    """``uhd.load`` names this module as soon as anyone imports it, and the function before: both load a model."""

    def __call__(self, path: str | Path | None = None, **known: Any) -> Detector:
        return load(path, **known)


sys.modules[__name__].__class__ = _CallableModule

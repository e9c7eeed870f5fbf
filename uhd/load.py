"""``load(path)``: any model file becomes a detector; a framework is imported when its file type is asked for."""

from __future__ import annotations

from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any

from uhd.errors import UserError
from uhd.runtime.detector import Detector

DEFAULT_MODEL = "ultratinyod_w32_64x64.onnx"
_PREDICTORS = {
    ".onnx": ("uhd.runtime.onnx", "OnnxPredictor", ""),
    ".safetensors": ("uhd.models.predictor", "TorchPredictor", "train"),
    ".pt": ("uhd.models.predictor", "TorchPredictor", "train"),
}


def default_model() -> Path:
    """Return the model that comes with the package."""
    return Path(str(files("uhd") / "weights" / DEFAULT_MODEL))


def load(path: str | Path | None = None, **known: Any) -> Detector:
    """Load a model.

    Args:
        path: ``.onnx``, ``.safetensors`` or ``.pt``; None takes the model in the package.
        known: options of the runtime (``threads=2``) and what replaces the file's metadata (``resize_mode=...``).

    Raises:
        UserError: unknown suffix, missing or unreadable file, or the framework is not installed.
    """
    path = default_model() if path is None else Path(path)
    if path.suffix.lower() not in _PREDICTORS:
        raise UserError(f"{path}: not a model file; known are {', '.join(_PREDICTORS)}")
    module, name, extra = _PREDICTORS[path.suffix.lower()]
    try:
        predictor = getattr(import_module(module), name)
    except ImportError as error:
        raise UserError(f"{path}: needs {error.name}: pip install 'uhd-vision[{extra}]'") from None
    return Detector(predictor(path, **known))

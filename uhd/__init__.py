"""UHD: models that see people, small enough for anything.

>>> import uhd
>>> people = uhd.load()("photo.jpg")  # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from uhd.version import __version__ as __version__

if TYPE_CHECKING:
    from uhd.detect.run import run as train
    from uhd.detections import Detections as Detections
    from uhd.evaluation.evaluate import evaluate as evaluate
    from uhd.export.onnx.export import export_onnx as export
    from uhd.load import load as load
    from uhd.models import create_model as create_model

__all__ = ["Detections", "create_model", "evaluate", "export", "load", "train"]

# Imported on first use: `import uhd` needs no framework.
_PLACES = {
    "Detections": ("uhd.detections", "Detections"),
    "create_model": ("uhd.models", "create_model"),
    "evaluate": ("uhd.evaluation.evaluate", "evaluate"),
    "export": ("uhd.export.onnx.export", "export_onnx"),
    "load": ("uhd.load", "load"),
    "train": ("uhd.detect.run", "run"),
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'uhd' has no attribute {name!r}")
    module, attribute = _PLACES[name]
    value = getattr(import_module(module), attribute)
    globals()[name] = value
    return value

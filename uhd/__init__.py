"""UHD: models that see people, small enough for anything.

>>> import uhd
>>> people = uhd.load()("photo.jpg")  # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

# These two rooms are named like verbs. Imported before the verbs, they leave the names to them, for good.
import uhd.export
import uhd.load  # noqa: F401
from uhd.api import create_model, evaluate, export, load, train
from uhd.version import __version__ as __version__

if TYPE_CHECKING:
    from uhd.api import Run as Run
    from uhd.detections import Detections as Detections
    from uhd.errors import UserError as UserError
    from uhd.evaluation.report import Report as Report
    from uhd.runtime.detector import Detector as Detector

__all__ = [
    "Detections",
    "Detector",
    "Report",
    "Run",
    "UserError",
    "create_model",
    "evaluate",
    "export",
    "load",
    "train",
]

# Imported on first use: `import uhd` needs no framework, not even NumPy.
_PLACES = {
    "Detections": "uhd.detections",
    "Detector": "uhd.runtime.detector",
    "Report": "uhd.evaluation.report",
    "Run": "uhd.api",
    "UserError": "uhd.errors",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'uhd' has no attribute {name!r}")
    value = getattr(import_module(_PLACES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])

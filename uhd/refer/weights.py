"""The model of this task that comes with the package."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from uhd.errors import UserError

NAME = "refer_tiny_96x96.onnx"


def default_refer_model() -> Path:
    """Return the image graph of the packaged model; its prompt graph and its card lie beside it.

    Raises:
        UserError: this installation has none.
    """
    path = Path(str(files("uhd"))) / "weights" / "refer" / NAME
    if not path.is_file():
        raise UserError(f"{path}: no model of this task comes with this installation; give --model")
    return path

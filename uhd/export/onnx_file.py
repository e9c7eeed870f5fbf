"""Read an ONNX file that a user names."""

from __future__ import annotations

from pathlib import Path

import onnx

from uhd.errors import UserError
from uhd.export.half_weights import restore_full


def read_onnx(path: Path) -> onnx.ModelProto:
    """Return the graph of a file, its weights in single precision.

    Raises:
        UserError: missing, or not ONNX.
    """
    if not path.is_file():
        raise UserError(f"{path}: there is no such model")
    try:
        model: onnx.ModelProto = onnx.load(str(path))
        onnx.checker.check_model(model)
    except Exception as error:  # noqa: BLE001  protobuf's and onnx's exceptions share no base class
        raise UserError(f"{path}: not an ONNX file that can be read ({' '.join(str(error).split())[:120]})") from None
    restore_full(model)
    return model

"""Files of weights as the library `transformers` saves them."""

from __future__ import annotations

from pathlib import Path

from uhd.errors import UserError

FILES = ("model.safetensors", "pytorch_model.bin")


def library_file(path: Path) -> Path:
    """Return a file, or the one in a folder that holds weights.

    Raises:
        UserError: a folder without them.
    """
    if not path.is_dir():
        return path
    there = [path / name for name in FILES if (path / name).is_file()]
    if not there:
        raise UserError(f"{path}: holds neither {FILES[0]} nor {FILES[1]}")
    return there[0]

"""The model file that a name means: the file itself, the best one of a run folder, or one in the package."""

from __future__ import annotations

import re
from collections.abc import Collection
from importlib.resources import files
from pathlib import Path

from uhd.errors import UserError

# The averaged weights lie in both; the first holds nothing else.
_SUFFIXES = (".safetensors", ".pt")
_OF_MODELS = frozenset({*_SUFFIXES, ".onnx", ".tflite", ".keras", ".espdl", ".c"})
# Names that mean a model in the package, where no file has that name.
PACKAGED = {
    "package": "ultratinyod_lite0_64x64",
    "small": "ultratinyod_w32_64x64",
    "nano": "ultratinyod_w16_nano",
    "refer": "refer/refer_tiny_96x96",
}


def model_file(path: str | Path, suffixes: Collection[str] = (".onnx",)) -> Path:
    """Return a model file as it is, and of a run folder its best model, or its last one where none was measured yet.

    Args:
        path: a file, the folder of a run, or a name of the models that come with uhd: :data:`PACKAGED`.
        suffixes: of which kinds one in the package may be.

    Raises:
        UserError: a folder without a checkpoint, what lies in a model's place, or the package holds no such file.
    """
    if path == "":  # an unset variable of a shell, which would mean the working directory
        raise UserError("an empty text names no model; the one in the package is called package")
    path = Path(path)
    if str(path) in PACKAGED and not path.exists():
        return _packaged(str(path), suffixes)
    if not path.is_dir():
        _refuse_stand_in(path)
        return path
    for kind in ("best", "last"):
        for suffix in _SUFFIXES:
            named = path / f"{kind}{suffix}"
            if named.is_file():
                return named
        numbered = sorted((each for s in _SUFFIXES for each in path.glob(f"{kind}_*{s}")), key=_newest_first)
        if numbered:
            return numbered[0]
    raise UserError(f"{path}: is a folder without a checkpoint (best_*.safetensors, last_*.pt); name a model file")


def _refuse_stand_in(path: Path) -> None:
    """Refuse what lies where a model should: a link that leads nowhere, an empty file, what a download left.

    Raises:
        UserError: it is one of these.
    """
    if path.is_symlink() and not path.exists():
        raise UserError(f"{path}: is a link that leads nowhere")
    if not path.is_file() or path.suffix.lower() not in _OF_MODELS:
        return
    with path.open("rb") as file:
        head = file.read(64).lstrip().lower()
    if not head:
        raise UserError(f"{path}: the file is empty")
    if head.startswith(b"version https://git-lfs"):
        raise UserError(f"{path}: is Git LFS's note of a file, not the file: git lfs pull")
    if head.startswith((b"<!doctype html", b"<html")):
        raise UserError(f"{path}: is a web page, not a model: fetch the file itself")


def _packaged(name: str, suffixes: Collection[str]) -> Path:
    folder = Path(str(files("uhd"))) / "weights"
    for suffix in suffixes:
        if (found := folder / f"{PACKAGED[name]}{suffix}").is_file():
            return found
    raise UserError(f"{name}: this installation brings no such model ({' or '.join(suffixes)}) in {folder}")


def _newest_first(path: Path) -> tuple[int, int]:
    epoch = re.search(r"_(\d{4,})", path.stem)
    return -int(epoch.group(1)) if epoch else 1, _SUFFIXES.index(path.suffix)

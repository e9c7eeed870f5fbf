"""The model file that a name means: the file itself, or the best one of a run folder."""

from __future__ import annotations

import re
from pathlib import Path

from uhd.errors import UserError

# The averaged weights lie in both; the first holds nothing else.
_SUFFIXES = (".safetensors", ".pt")


def model_file(path: str | Path) -> Path:
    """Return a model file as it is, and of a run folder its best model, or its last one where none was measured yet.

    Raises:
        UserError: a folder without a checkpoint.
    """
    path = Path(path)
    if not path.is_dir():
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


def _newest_first(path: Path) -> tuple[int, int]:
    epoch = re.search(r"_(\d{4,})", path.stem)
    return -int(epoch.group(1)) if epoch else 1, _SUFFIXES.index(path.suffix)

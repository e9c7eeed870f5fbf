"""Which C this user's own exports wrote: running C means compiling it, and foreign C may do anything."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

from uhd.data.cache_file import default_folder

_MOST = 1000


def remember(path: Path) -> None:
    """Note that an export wrote this ``.c`` with its ``.h``, by their digest, in the user's cache folder."""
    record = _record()
    # A home that cannot be written to costs convenience, not the export.
    with contextlib.suppress(OSError):
        record.parent.mkdir(parents=True, exist_ok=True)
        with record.open("a", encoding="ascii") as file:
            file.write(f"{_digest(path)}\n")


def is_known(path: Path) -> bool:
    """Return whether an export of this user wrote exactly this ``.c`` and ``.h``."""
    try:
        return _digest(path) in _record().read_text(encoding="ascii").split()[-_MOST:]
    except OSError:
        return False


def _record() -> Path:
    return default_folder() / "written-c.txt"


def _digest(path: Path) -> str:
    found = hashlib.sha256()
    for file in (path, path.with_suffix(".h")):
        data = file.read_bytes()
        found.update(len(data).to_bytes(8, "little") + data)
    return found.hexdigest()

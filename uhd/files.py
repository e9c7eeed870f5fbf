"""Write files so that they are either whole or not there."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from uhd.errors import UserError


def save_atomic(path: Path, write: Callable[[Path], object]) -> None:
    """Write under a temporary name in the same folder, sync, then rename.

    Args:
        path: final name; its folder is created.
        write: receives the temporary path and writes the content.

    Raises:
        UserError: the disk is full or the folder cannot be written; nothing is left behind.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(temporary)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        # Some writers make private files; this one gets the mode that any other new file has here.
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(path)
    except (OSError, RuntimeError) as error:
        # torch reports a failed write as RuntimeError from its zip writer.
        raise UserError(f"{path}: could not be saved: {str(error).splitlines()[0]}") from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)

"""Put an image into a folder of ours: as a link, or as a copy. The image itself is never touched."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from uhd.errors import UserError


def place_image(path: Path, place: Path, copy: bool) -> None:
    """Link (or copy) an image; one that lies there already stays.

    Args:
        path: the image.
        place: where it is to be.
        copy: copy it instead of linking it.

    Raises:
        UserError: another image lies there.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.is_symlink() and place.resolve() == path.resolve():
        return
    if place.exists() or place.is_symlink():
        if not place.is_symlink() and place.stat().st_size == path.stat().st_size:
            return
        raise UserError(f"{place}: is another photograph than {path}: give another --output")
    if not copy:
        try:
            place.symlink_to(os.path.relpath(path.resolve(), place.parent.resolve()))
            return
        except OSError:  # Windows without the right to make links
            pass
    shutil.copyfile(path, place)

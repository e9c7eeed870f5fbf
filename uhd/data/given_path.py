"""Find what a line of a list or an entry of a data.yaml names, also where another machine wrote it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path


def find_given(entry: str, folders: Sequence[Path], shortest: int = 2) -> tuple[Path | None, bool]:
    r"""Return the file or folder that a text names, None where there is none, and whether only its end was found.

    Relative paths are tried below each folder, then below the working directory; quotes are dropped, ``~`` is the home
    folder, and ``images\a.jpg`` is what Windows writes. Failing all that, the path is of another machine: its longest
    end that exists below one of the folders is taken (``/content/set/images/train`` is ``images/train`` here).

    Args:
        entry: the path as written.
        folders: where to look.
        shortest: parts that such an end has at least.
    """
    for spelling in _spellings(entry):
        for place in (*(folder / spelling for folder in folders), Path(spelling)):
            if os.path.exists(place):  # noqa: PTH110  (Path.exists raises at names that are too long)
                return place, False
    parts = [part for part in entry.strip("\"'").replace("\\", "/").split("/") if part not in ("", ".")]
    for start in range(1, len(parts) - shortest + 1):
        end = parts[start:]
        if ".." in end:
            continue
        for folder in folders:
            place = folder.joinpath(*end)
            if os.path.exists(place):  # noqa: PTH110
                return place, True
    return None, False


def _spellings(entry: str) -> Iterator[str]:
    yield entry
    bare = entry.strip("\"'")
    for other in (bare, os.path.expanduser(bare), bare.replace("\\", "/")):  # noqa: PTH111
        if other and other != entry:
            yield other

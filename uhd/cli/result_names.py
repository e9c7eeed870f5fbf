"""Names for results: two of one run never meet, and nothing that is there already is replaced."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from uhd.errors import UserError
from uhd.files import real_path


class ResultNames:
    """Hands out names in one folder.

    Args:
        folder: of the results; it may not exist yet.
        overwrite: earlier files of the same name are replaced; without it the new one gets a number.
        inputs: files that are read, which no result may replace.

    Raises:
        UserError: the folder is a file.
    """

    def __init__(self, folder: Path, overwrite: bool = False, inputs: Iterable[Path] = ()) -> None:
        for place in (folder, *folder.parents):
            if place.exists() and not place.is_dir():
                raise UserError(f"{place}: is a file; name a folder with --output")
            if place.is_symlink() and not place.exists():
                raise UserError(f"{place}: is a link that leads nowhere; name another folder with --output")
        self.folder, self.overwrite = folder, overwrite
        self._inputs = {real_path(path) for path in inputs}
        self._taken: set[str] = set()

    def protect(self, paths: Iterable[Path]) -> None:
        """Add files that no result may replace."""
        self._inputs.update(real_path(path) for path in paths)

    def take(self, place: Path, endings: Sequence[str]) -> Path:
        """Return a path without ending, ``folder/place`` or ``folder/place_2`` ..., whose files are all free.

        Args:
            place: relative to the folder, with or without the suffix of what it was made from.
            endings: what follows the name in the files that will be written, such as ``.jpg`` or ``_000000.txt``.

        Raises:
            UserError: a file would replace one that is read.
        """
        stem, number = place.stem or "result", 1
        while True:
            base = self.folder / place.with_name(stem if number == 1 else f"{stem}_{number}")
            files = [base.with_name(base.name + ending) for ending in endings]
            # File systems of Windows and macOS do not tell A.jpg from a.jpg.
            free = str(base).casefold() not in self._taken
            if free and number == 1:
                met = next((file for file in files if real_path(file) in self._inputs), None)
                if met is not None:
                    raise UserError(f"{met}: would replace a file of yours; give another --output")
            if free and (self.overwrite or not any(file.exists() or file.is_symlink() for file in files)):
                self._taken.add(str(base).casefold())
                return base
            number += 1

"""Lists of images as files: a part each, and nothing of the user's is lost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from uhd.data.records import Record
from uhd.errors import UserError
from uhd.files import save_text


def list_of(images: Iterable[Path]) -> str:
    """Return the absolute paths one per line, as ``--train-list`` and ``--val-list`` read them."""
    return "".join(f"{image.absolute()}\n" for image in images)


def write_lists(
    folder: Path, parts: Mapping[str, Sequence[Record]], source: Path | None, overwrite: bool = False
) -> dict[str, Path]:
    """Write ``folder/PART.txt`` with absolute image paths, one per line; returns the files by part.

    A list that is there already and the same stays untouched; every file is looked at before the first is written.

    Args:
        folder: is created.
        parts: name -> images.
        source: the data set, which is never written to.
        overwrite: replace lists that say something else.

    Raises:
        UserError: ``folder`` lies in the data set, or holds another list.
    """
    if source is not None and source.is_dir() and folder.resolve().is_relative_to(source.resolve()):
        raise UserError(f"{folder}: lies in the data set {source}, which is never written to: name another folder")
    texts = {folder / f"{name}.txt": list_of(record.image for record in records) for name, records in parts.items()}
    for path, text in texts.items():
        if path.exists() and path.read_text(encoding="utf-8", errors="surrogateescape") != text and not overwrite:
            raise UserError(f"{path}: holds another list: name another folder, or give --overwrite")
    for path, text in texts.items():
        if not path.exists() or path.read_text(encoding="utf-8", errors="surrogateescape") != text:
            save_text(path, text)
    return {path.stem: path for path in texts}

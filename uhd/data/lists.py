"""Lists of images as files: a part each, and nothing of the user's is lost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from uhd.data.apart import check_apart
from uhd.data.class_names import known_names
from uhd.data.config import DataConfig
from uhd.data.discover import discover
from uhd.data.formats import annotation_format
from uhd.data.formats.coco_parts import coco_parts
from uhd.data.problems import Report
from uhd.errors import UserError
from uhd.files import save_text


def list_of(images: Iterable[Path]) -> str:
    """Return the absolute paths one per line, as ``--train-list`` and ``--val-list`` read them."""
    return "".join(f"{image.absolute()}\n" for image in images)


def write_lists(
    folder: Path, parts: Mapping[str, Sequence[Path]], config: DataConfig, overwrite: bool = False
) -> dict[str, Path]:
    """Write ``folder/PART.txt`` with absolute image paths, one per line; returns the files by part.

    Images whose labels do not lie beside them would lose these in a list: of a data set that annotation files hold,
    ``PART.json`` is written, an annotation file with absolute paths, which stands where a list may stand. Names of
    classes and the form of keypoints go into a ``data.yaml`` beside the lists. What is there already and the same stays
    untouched; every file is looked at before the first is written.

    Args:
        folder: is created.
        parts: name -> images.
        config: the data set, which is never written to.
        overwrite: replace lists that say something else.

    Raises:
        UserError: ``folder`` lies in the data set, or holds another list.
    """
    check_apart(folder, config)
    found = discover(config.image_dir, config.train_list, config.val_list, Report())
    every = dict.fromkeys(path for part in (found.train, found.val, found.test) for path in part or ())
    files = [path for path in every if annotation_format(path) is not None]
    if files:
        lists = {folder / f"{name}.json": text for name, text in coco_parts(files, parts).items()}
    else:
        lists = {folder / f"{name}.txt": list_of(images) for name, images in parts.items()}
    about = {} if files else _about(known_names(config), found.keypoints)
    table = {path.stem: str(path.absolute()) for path in lists} | about
    texts = lists | (
        {folder / "data.yaml": yaml.safe_dump(table, sort_keys=False, allow_unicode=True)} if about else {}
    )
    for path, text in texts.items():
        if path.exists() and path.read_text(encoding="utf-8", errors="surrogateescape") != text and not overwrite:
            raise UserError(f"{path}: holds another list: name another folder, or give --overwrite")
    for path, text in texts.items():
        if not path.exists() or path.read_text(encoding="utf-8", errors="surrogateescape") != text:
            save_text(path, text)
    return {path.stem: path for path in lists}


def _about(names: Sequence[str], keypoints: tuple[int, int] | None) -> dict[str, Any]:
    """Return what a data.yaml says beside its parts."""
    known = {"names": dict(enumerate(names))} if names else {}
    return known | ({"kpt_shape": list(keypoints)} if keypoints is not None else {})

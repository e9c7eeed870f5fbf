"""Teachers look at photographs on a Ray cluster; labels are then made of their answers as in one process."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from uhd.cluster import run_shards, shards_of
from uhd.data.discover import find_images
from uhd.data.problems import Report
from uhd.labelling.teachers import Teacher
from uhd.read import UnreadableImage, read_image


class ShardTeachers:
    """Asks every teacher about the photographs of a shard, and keeps the answers in a folder of the shard's own.

    Args:
        teachers: model files.
        cache: folder of the answers; each shard has one below it.
        every_class: see :class:`~uhd.labelling.teachers.Teacher`.
    """

    def __init__(self, teachers: Sequence[Path], cache: Path, every_class: bool = False) -> None:
        self._teachers, self._cache, self._every_class = teachers, cache, every_class

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Ask about a shard; returns its number and how many photographs were looked at."""
        asked, folder = 0, shard_folder(self._cache, int(row["shard"]))
        for path in self._teachers:
            with Teacher(path, folder, every_class=self._every_class) as teacher:
                for name in row["items"]:
                    asked += _ask(teacher, Path(str(name)))
        (folder / _done(self._every_class)).touch()
        return {"shard": row["shard"], "asked": asked}


def _done(every_class: bool) -> str:
    """Return the name of the file that says that a shard has been asked about."""
    return "done-classes" if every_class else "done"


def shard_folder(cache: Path, shard: int) -> Path:
    """Return where the answers about a shard are."""
    return cache / f"shard-{shard:06d}"


def ask_on_ray(
    source: Path,
    teachers: Sequence[Path],
    cache: Path,
    address: str,
    workers: int = 0,
    shard_size: int = 1000,
    every_class: bool = False,
) -> None:
    """Fill the teachers' answers of a folder of photographs; what a shard has answered is not asked again.

    Args:
        source: folder of photographs, which every machine sees at the same place, as ``cache``.
        teachers: model files.
        cache: folder of answers that :class:`~uhd.labelling.teachers.Teacher` reads.
        address, workers: see :func:`uhd.cluster.run_shards`.
        shard_size: photographs.
        every_class: see :class:`~uhd.labelling.teachers.Teacher`.

    Raises:
        UserError: see :func:`uhd.cluster.run_shards`.
    """
    cache = cache.absolute()
    paths = [str(path.absolute()) for path in find_images(source, Report())]
    waiting = [
        (number, items)
        for number, items in enumerate(shards_of(paths, shard_size))
        if not (shard_folder(cache, number) / _done(every_class)).exists()
    ]
    if waiting:
        files = [path.absolute() for path in teachers]
        for _ in run_shards(waiting, ShardTeachers, [files, cache, every_class], address, workers):
            pass
    known: dict[str, list[str]] = {}
    for part in sorted(cache.glob("shard-*/*.jsonl")):
        known.setdefault(part.name, []).extend(part.read_text(encoding="utf-8").splitlines())
    for name, lines in known.items():
        target = cache / name
        before = set(target.read_text(encoding="utf-8").splitlines()) if target.exists() else set()
        with target.open("a", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines if line not in before)


def _ask(teacher: Teacher, path: Path) -> int:
    before = teacher.asked
    try:
        teacher.answers(hashlib.sha256(path.read_bytes()).hexdigest(), lambda: read_image(path))
    except (OSError, UnreadableImage):  # whoever makes the labels names it
        return 0
    return teacher.asked - before

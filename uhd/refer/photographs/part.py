"""One part of a data set in RefHuman's form: who has texts is an entry for each of them, all others are one without."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from uhd.data.formats.coco_writer import write_coco
from uhd.data.formats.rows import record_of, rows_of
from uhd.data.records import Record
from uhd.objects import Objects

Meant = Callable[[Objects, int], bool]


@dataclass
class PhotographCounts:
    """What was written: photographs, people in them, people who are described, texts, pictures among them with pasted
    persons.
    """

    pictures: int = 0
    people: int = 0
    described: int = 0
    texts: int = 0
    pasted: int = 0


@dataclass
class DescribedPart:
    """The pictures of a part, gathered and then written as one file.

    Attributes:
        meant: whether a person's texts are written.
        counts: of what was added.
    """

    meant: Meant
    counts: PhotographCounts = field(default_factory=PhotographCounts)
    _told: list[tuple[Path, Record, str]] = field(default_factory=list)
    _silent: list[tuple[Path, Record, str]] = field(default_factory=list)

    def add(self, name: str, record: Record) -> None:
        """Add a picture, by its name in ``images/``, with its people and their texts."""
        rows, others, place = rows_of(record), [], Path(name)
        for who, row in enumerate(rows):
            texts = row.texts if self.meant(record.objects, who) else ()
            own = record_of(record.image, [replace(row, texts=())], record.size)
            self._told += [(place, own, text) for text in texts]
            self.counts.described += bool(texts)
            self.counts.texts += len(texts)
            if not texts:
                others.append(replace(row, texts=()))
        self.counts.pictures += 1
        self.counts.people += record.objects.count
        if others:
            self._silent.append((place, record_of(record.image, others, record.size), ""))

    def write(self, path: Path, first_id: int, info: Mapping[str, Any]) -> None:
        """Write the file.

        Args:
            path: the file.
            first_id: of its images.
            info: about the whole.
        """
        entries = self._told + self._silent
        images = [(place, record) for place, record, _ in entries]
        write_coco(path, images, ("person",), first_id, [text for *_, text in entries], info)

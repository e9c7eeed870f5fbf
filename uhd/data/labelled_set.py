"""A labelled data set of any format: its parts, their records and the names of its classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from uhd.data.formats.rows import record_of, relabel, rows_of
from uhd.data.parts import part_named
from uhd.data.problems import Report
from uhd.data.records import Record
from uhd.errors import UserError, nearest

PARTS = ("train", "val", "test")
SEVERAL_FILES = "image that several annotation files describe (objects of all)"
REST = "rest"  # images that no part names, where there are parts


@dataclass(frozen=True, eq=False)
class LabelledSet:
    """What a reader returns and a writer takes.

    Attributes:
        parts: ``train``, ``val``, ``test`` and ``rest``, those that there are, in this order; "" alone where the data
            are not divided.
        names: of the classes, by number.
    """

    parts: dict[str, list[Record]]
    names: tuple[str, ...]

    @property
    def records(self) -> list[Record]:
        """All images."""
        return [record for part in self.parts.values() for record in part]


def join_same(pairs: Sequence[tuple[str, Record]], report: Report) -> list[tuple[str, Record]]:
    """Return records of which no two are of one image: what several files say of it together, equal objects once.

    Args:
        pairs: name of a part and record.
        report: is told of them.
    """
    found: dict[Path, tuple[str, Record]] = {}
    for part, record in pairs:
        known = found.get(record.image)
        if known is None:
            found[record.image] = part, record
            continue
        report.note(SEVERAL_FILES, case=str(record.image))
        rows = rows_of(known[1])
        there = {(row.label, row.box, row.ignored) for row in rows}
        rows += [row for row in rows_of(record) if (row.label, row.box, row.ignored) not in there]
        found[record.image] = known[0] or part, record_of(record.image, rows, record.size)
    return list(found.values())


def set_of(pairs: Sequence[tuple[str, Record]], names: Sequence[str]) -> LabelledSet:
    """Return a set of images given with the name of their part, "" for none; images sorted by path."""
    divided = any(part for part, _ in pairs)
    parts: dict[str, list[Record]] = {}
    for part in (*PARTS, ""):
        found = sorted((record for name, record in pairs if name == part), key=lambda record: str(record.image))
        if found:
            parts[part or (REST if divided else "")] = found
    return LabelledSet(parts, tuple(names))


def part_of(path: Path, root: Path) -> str:
    """Return the part that the folders between a data set's root and a file speak of, "" for none."""
    inside = path.relative_to(root).parts[:-1] if path.is_relative_to(root) else ()
    return next((part for part in map(part_named, inside) if part), "")


def map_classes(
    found: LabelledSet, classes: Sequence[int | str], names: Sequence[str]
) -> tuple[LabelledSet, Counter[str]]:
    """Return a set under other numbers and names, and how many objects of which classes that leaves out.

    Args:
        found: the set.
        classes: numbers or names of the classes that become 0, 1, ...; () for all as they are.
        names: their new names; () for the old ones. Classes of one name become one.

    Raises:
        UserError: no such class, or names and classes do not fit.
    """
    exact = {name: i for i, name in reversed(list(enumerate(found.names)))}
    by_name = {name.casefold(): i for i, name in reversed(list(enumerate(found.names)))}
    chosen: list[int] = []
    for entry in classes or range(len(found.names)):
        number = entry if isinstance(entry, int) else exact.get(entry, by_name.get(entry.casefold(), -1))
        if not 0 <= number < len(found.names):
            raise UserError(f"--classes {entry}: no such class{nearest(str(entry), found.names)}: {_listed(found)}")
        chosen.append(number)
    if names and len(names) != len(chosen):
        raise UserError(f"--names has {len(names)} names for {len(chosen)} classes: {_listed(found)}")
    renamed = list(names) or [found.names[number] for number in chosen]
    kept = tuple(dict.fromkeys(renamed))
    number_of = {old: kept.index(name) for old, name in zip(chosen, renamed, strict=True)}
    left: Counter[str] = Counter()
    for record in found.records:
        left.update(found.names[label] for label in record.objects.labels.tolist() if label not in {-1, *number_of})
    if kept == found.names and all(old == new for old, new in number_of.items()):
        return found, left
    parts = {part: [relabel(record, number_of) for record in records] for part, records in found.parts.items()}
    return replace(found, parts=parts, names=kept), left


def _listed(found: LabelledSet) -> str:
    return "the data have " + ", ".join(f"{i} {name}" for i, name in enumerate(found.names[:20]))

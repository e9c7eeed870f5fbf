"""The images that a check has nothing against, part by part."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from uhd.data.check import DataCheck
from uhd.data.discover import label_path
from uhd.data.ignore import FILE_NAME as IGNORE
from uhd.data.labelled_set import PARTS
from uhd.data.problems import Report


@dataclass
class FullReport(Report):
    """A report that keeps every message, not only the first of a kind.

    Attributes:
        messages: kind and message of every problem.
    """

    messages: list[tuple[str, str]] = field(default_factory=list)

    def problem(self, kind: str, message: str) -> None:
        """Count one problem, and keep it."""
        super().problem(kind, message)
        self.messages.append((kind, message))


def refused_images(check: DataCheck, report: FullReport, near: bool = False) -> dict[str, str]:
    """Return the images not to train on or measure with, and why.

    Of images that are equal one stays: in the part that measures, if they are in several.

    Args:
        check: of the data set.
        report: which that check has filled.
        near: leave out what only looks the same within a part, too.
    """
    paths = [path for part in check.images.values() for path in part]
    owners = {str(label_path(path)): str(path) for path in paths} | {str(path): str(path) for path in paths}
    owners |= {f"{each / IGNORE}: {path.stem}": str(path) for path in paths for each in list(path.parents)[1::-1]}
    refused: dict[str, str] = {}
    for kind, message in report.messages:
        words = message.split(": ")
        place = ": ".join(words[:2]) if Path(words[0]).name == IGNORE else re.sub(r":\d+$", "", words[0])
        if place in owners:
            refused.setdefault(owners[place], kind)
    part_of = {str(path): name for name, part in check.images.items() for path in part}

    def drop(groups: Iterable[list[str]], why: str) -> None:
        for group in groups:
            kept = [name for name in group if name not in refused]
            for name in sorted(kept, key=lambda each: -PARTS.index(part_of[each]))[1:]:
                refused[name] = why

    drop(check.duplicates, "repeats another")
    drop(check.leaks, "is in another part too")
    drop(check.near_leaks, "looks like one of another part")
    if near:
        drop(check.near_duplicates, "looks like another")
    return refused

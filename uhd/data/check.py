"""``uhd data check``: everything about a data set that is better known before training than after."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from uhd.data.config import DataConfig
from uhd.data.dataset import Dataset
from uhd.data.discover import label_path
from uhd.data.formats import annotation_format
from uhd.data.formats.yolo import read_text
from uhd.data.open import open_data, read_dataset
from uhd.data.perceptual_hash import groups_of, look_alike, thumbnail
from uhd.data.problems import Report
from uhd.data.statistics import Statistics, statistics
from uhd.data.suspicious import name_repeated, name_suspicious
from uhd.read import is_image_name
from uhd.resize import format_size

_SHOWN = 5
ORPHAN = "label file without image"


@dataclass(frozen=True, eq=False)
class DataCheck:
    """What a data set holds and what is wrong with it.

    Attributes:
        size: network size (h, w) in which box heights are measured.
        splits: statistics of ``train``, ``val`` and, where there is one, ``test``.
        duplicates: groups of image paths with equal pixels within one split.
        leaks: groups of image paths with equal pixels in several parts.
        near_duplicates, near_leaks: likewise of pictures that look the same; the former are worth knowing, no error,
            and so is all that looks the same where the data set has no parts of its own.
        report: files and lines that were skipped.
        images: of every part, also those that cannot be read.
    """

    size: tuple[int, int]
    splits: dict[str, Statistics]
    duplicates: list[list[str]]
    leaks: list[list[str]]
    near_duplicates: list[list[str]]
    near_leaks: list[list[str]]
    report: Report
    images: dict[str, list[Path]]

    @property
    def clean(self) -> bool:
        """Whether there is nothing to mend."""
        return not (self.report.total or self.duplicates or self.leaks or self.near_leaks)

    def to_text(self) -> str:
        """Return the findings for people."""
        lines = [f"network size {format_size(self.size)}"]
        for name, found in self.splits.items():
            lines += [name, *(f"  {line}" for line in found.lines())]
        lines += _group_lines("image(s) repeated within a split", self.duplicates)
        lines += _group_lines("image(s) in several parts (train, val, test): the result will be too good", self.leaks)
        lines += _group_lines("image(s) that look the same in several parts", self.near_leaks)
        lines += _group_lines("image(s) that look the same within a split (no error)", self.near_duplicates)
        lines += self.report.lines(_SHOWN, _SHOWN)
        lines.append("nothing to mend" if self.clean else "the lines above name what to mend")
        return "\n".join(lines)

    def to_json(self) -> str:
        """Return the findings for programs: ``splits``, ``duplicates``, ``leaks``, ``near_...``, ``problems``."""
        content: dict[str, Any] = {
            "img_size": format_size(self.size),
            "splits": {name: found.to_dict() for name, found in self.splits.items()},
            "duplicates": self.duplicates,
            "leaks": self.leaks,
            "near_duplicates": self.near_duplicates,
            "near_leaks": self.near_leaks,
            "problems": self.report.to_dict(),
            "clean": self.clean,
        }
        return json.dumps(content, indent=2)


def check_data(config: DataConfig, seed: int = 42, progress: bool = True, report: Report | None = None) -> DataCheck:
    """Open a data set, read every image and label, and report. Nothing is written into the data set.

    Args:
        config: the data set; images without objects are kept whatever ``drop_empty`` says, so that they are counted.
        seed: of the split, where the data set leaves it open; leaks depend on it.
        progress: show a bar on a terminal.
        report: receives what is wrong; a new one by default.

    Raises:
        UserError: missing or empty folder, no labels at all; with ``strict`` the first problem.
    """
    opened = open_data(dataclasses.replace(config, drop_empty=False), seed, report=report)
    parts = {"train": opened.train, "val": opened.val} | ({} if not opened.test else {"test": opened.test})
    datasets = {name: read_dataset(part, config, opened.report, progress) for name, part in parts.items()}
    name_orphans([record.image for part in parts.values() for record in part], opened.report)
    for name, part in parts.items():
        name_repeated([record.image for record in part], name, opened.report)
    name_suspicious(list(datasets.values()), opened.report)
    rows = config.img_size[0]
    splits = {name: statistics(dataset, opened.names, rows) for name, dataset in datasets.items()}
    images = {name: [record.image for record in part] for name, part in parts.items()}
    same, leaks, near, near_leaks = _repeated(datasets)
    if opened.drawn:
        # Nobody chose these parts: what looks alike in both is told as what looks alike in one.
        near, near_leaks = sorted(near + near_leaks), []
    return DataCheck(config.img_size, splits, same, leaks, near, near_leaks, opened.report, images)


_Groups = list[list[str]]


def _repeated(datasets: Mapping[str, Dataset]) -> tuple[_Groups, _Groups, _Groups, _Groups]:
    """Return groups of equal pictures within and between parts, then of those that only look the same."""
    seen: dict[bytes, list[tuple[str, str]]] = defaultdict(list)
    thumbnails: dict[bytes, NDArray[np.uint8]] = {}
    for split, dataset in datasets.items():
        for index in range(len(dataset)):
            sample = dataset[index]
            # Of the decoded pixels: a copy with other metadata is a copy all the same.
            digest = hashlib.blake2b(repr(sample.image.shape).encode(), digest_size=16)
            digest.update(sample.image.data)
            seen[digest.digest()].append((split, sample.name))
            if digest.digest() not in thumbnails:
                thumbnails[digest.digest()] = thumbnail(sample.image)
    groups = [members for members in seen.values() if len(members) > 1]
    first = [members[0] for members in seen.values()]
    near = [[first[i] for i in group] for group in groups_of(look_alike(list(thumbnails.values())))]
    found: tuple[_Groups, _Groups, _Groups, _Groups] = ([], [], [], [])
    for at, members in [*((0, group) for group in groups), *((2, group) for group in near)]:
        is_leak = len({split for split, _ in members}) > 1
        names = sorted({name for _, name in members})
        if is_leak or len(names) > 1:
            found[at + is_leak].append(names)
    for each in found:
        each.sort()
    return found


def name_orphans(images: Sequence[Path], report: Report) -> None:
    """Report the label files that lie where the images' do, hold labels, and belong to no image."""
    folders = {image.parent for image in images if annotation_format(image) is None}
    # Every image there, also one that the split leaves out.
    there = (path for folder in folders for path in folder.iterdir() if is_image_name(path.name))
    wanted = {label_path(image) for image in there}
    for folder in sorted({path.parent for path in wanted}):
        if not folder.is_dir():
            continue
        for path in sorted(folder.iterdir()):
            if path.suffix.lower() == ".txt" and path not in wanted and _holds_labels(path):
                report.problem(ORPHAN, f"{path}: belongs to no image")


def _holds_labels(path: Path) -> bool:
    """Return whether a text file begins with a line of labels: lists of classes or images lie beside labels too."""
    try:
        first = read_text(path).split("\n", 1)[0].split()
        return len(first) >= 5 and all(math.isfinite(float(field)) for field in first[:5])
    except (OSError, ValueError):
        return False


def _group_lines(what: str, groups: list[list[str]]) -> list[str]:
    if not groups:
        return []
    lines = [f"{len(groups)} x {what}"]
    lines += ["  " + " = ".join(group) for group in groups[:_SHOWN]]
    if len(groups) > _SHOWN:
        lines.append(f"  ... and {len(groups) - _SHOWN} more")
    return lines

"""The parts of a data set as people name their folders and files, and files of annotations that are one."""

from __future__ import annotations

import os
import re
from pathlib import Path

# Folders that hold a part, whatever their case; COCO's end in a year.
_PARTS = {
    part: re.compile(rf"({names})([-_]?\d{{4}})?", re.IGNORECASE)
    for part, names in (("train", "train|training"), ("val", "val|valid|validation"), ("test", "test|testing"))
}
_ROBOFLOW = "_annotations.coco.json"


def part_named(text: str) -> str:
    """Return the part, ``train``, ``val`` or ``test``, that the name of a folder or file speaks of, "" for none.

    Example:
        >>> part_named("instances_train2017")
        'train'
    """
    for word in re.split(r"[^0-9A-Za-z]+", text):
        part = next((part for part, pattern in _PARTS.items() if pattern.fullmatch(word)), "")
        if part:
            return part
    return ""


def part_folders(base: Path) -> dict[str, list[Path]]:
    """Return the folders that hold the parts of a data set, by part."""
    found: dict[str, list[Path]] = {}
    for entry in sorted(os.scandir(base), key=lambda entry: entry.name):
        for part, pattern in _PARTS.items():
            if pattern.fullmatch(entry.name) and entry.is_dir():
                found.setdefault(part, []).append(Path(entry.path))
    return found


def part_annotations(folder: Path) -> dict[str, list[Path]]:
    """Return the COCO files of a folder's parts, as COCO and Roboflow lay them out; {} where they are not all there is.

    They are ``annotations/instances_train2017.json`` and so on, or ``train/_annotations.coco.json``. A folder that
    has ``labels`` as well is read by those.
    """
    found: dict[str, list[Path]] = {}
    if any((folder / name).exists() for name in ("labels", "Labels", "data.yaml", "data.yml")):
        return found
    for path in sorted(folder.glob("annotations/instances_*.json")):
        if part := part_named(path.stem):
            found.setdefault(part, []).append(path)
    if not found:
        for part, folders in part_folders(folder).items():
            files = [place / _ROBOFLOW for place in folders if (place / _ROBOFLOW).is_file()]
            if files:
                found[part] = files
    return found if "train" in found else {}


def other_annotations(folder: Path) -> str:
    """Return what to do with annotations of other formats below a folder, as the end of a message; "" for none."""
    for place, _, names in os.walk(folder):
        for name in sorted(names):
            if name.lower().endswith((".xml", ".json")) and name != "ignore.json":
                return f"; {Path(place, name)} is another format: uhd data convert {folder} NEW_FOLDER --to yolo"
    return ""

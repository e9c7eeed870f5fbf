"""Find the images of a data set and the label file of an image, in the layouts that people use."""

from __future__ import annotations

import glob
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from uhd.data.data_yaml import count_contradiction, keypoint_shape, names_in, read_yaml
from uhd.data.formats import annotation_format
from uhd.data.given_path import find_given
from uhd.data.parts import part_annotations, part_folders
from uhd.data.problems import MISSING_IMAGE, Report
from uhd.errors import UserError
from uhd.files import real_path
from uhd.read import IMAGE_SUFFIXES, is_image_name

OTHER_MACHINE = "list entry with folders of another machine (found by the end of its path)"
_LABELS = {"images": "labels", "Images": "Labels", "IMAGES": "LABELS", "JPEGImages": "labels"}
# Rarer pairs of folders, whose labels are taken only where they are.
_RARER = {"img": ("lbl", "labels"), "imgs": ("lbls", "labels"), "image": ("label", "labels")}
VAL_NAMES = ("val", "valid", "validation")
# A run whose --output lies among the photographs puts pictures of its own there.
_RUN_FILES = {"settings.yaml", "metrics.csv"}
# Place -> the entry of a data.yaml that it was taken for, and whether only the entry's end was found.
_Taken = dict[Path, tuple[str, bool]]


@dataclass(frozen=True)
class Found:
    """Image files of a data set.

    A file of annotations among them stands for the images that it names.

    Attributes:
        train: images to train on, or all images when ``val`` is None.
        val: images to validate on; None when the data set leaves the split open.
        names: class names by raw class number, from data.yaml; empty when unknown.
        test: images of a part that neither trains nor chooses; None where there is none.
        keypoints: ``kpt_shape`` of data.yaml: how many, and numbers of each.
    """

    train: list[Path]
    val: list[Path] | None = None
    names: tuple[str, ...] = ()
    test: list[Path] | None = None
    keypoints: tuple[int, int] | None = None


def discover(image_dir: Path | None, train_list: Path | None, val_list: Path | None, report: Report) -> Found:
    """Find the images that a configuration names.

    Args:
        image_dir: a folder, a data.yaml, or a text list; may be None when both lists are given.
        train_list, val_list: text files of image paths; both or neither.
        report: receives dangling links, folders named like images and list entries without a file.

    Raises:
        UserError: a path is missing, a folder is empty, only one list is given.
    """
    if (train_list is None) != (val_list is None):
        missing = "--val-list" if val_list is None else "--train-list"
        raise UserError(f"{missing} is missing: give both --train-list and --val-list, or neither")
    if train_list is not None and val_list is not None:
        found = Found(_listed(train_list, image_dir, report), _listed(val_list, image_dir, report))
        return _with_keypoints(found, train_list.parent)
    if image_dir is None:
        raise UserError("no data set: name a folder of images or a data.yaml with --image-dir")
    if image_dir.is_file() and image_dir.suffix.lower() in {".yaml", ".yml"}:
        return read_data_yaml(image_dir, report)
    if image_dir.is_file() and annotation_format(image_dir) is not None:
        return Found([image_dir])
    if image_dir.is_file() and image_dir.suffix.lower() == ".txt":
        return Found(read_list(image_dir, None, report))
    if image_dir.is_file():
        raise UserError(f"{image_dir}: is no folder of images, data.yaml, .json or .txt list")
    return _with_keypoints(_find_in_folder(image_dir, report), image_dir)


def _with_keypoints(found: Found, folder: Path) -> Found:
    for name in ("data.yaml", "data.yml"):  # its paths are of the machine that wrote it; the form of a line is not
        if (folder / name).is_file():
            return replace(found, keypoints=keypoint_shape(read_yaml(folder / name), folder / name))
    return found


def find_images(folder: Path, report: Report) -> list[Path]:
    """Return all image files below a folder, sorted by path; hidden files and folders are passed over.

    Raises:
        UserError: the folder is missing or holds no image.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder: check the path")
    found: list[str] = []
    visited: set[tuple[int, int]] = set()
    for parent, folders, files in os.walk(folder, followlinks=True):
        status = Path(parent).stat()
        if (status.st_dev, status.st_ino) in visited:  # a link back up
            folders.clear()
            continue
        visited.add((status.st_dev, status.st_ino))
        if set(files) >= _RUN_FILES and parent != str(folder):
            report.remark(f"{parent}: is the folder of a run: its pictures are left out")
            folders.clear()
            continue
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in folders:
            if is_image_name(name):
                report.problem(MISSING_IMAGE, f"{Path(parent, name)}: is a folder, not an image")
        for name in files:
            if name.startswith(".") or not is_image_name(name):
                continue
            path = os.path.join(parent, name)  # noqa: PTH118  (100,000 Path objects take a second)
            if os.path.exists(path):  # noqa: PTH110
                found.append(path)
            else:
                report.problem(MISSING_IMAGE, f"{path}: the link leads nowhere")
    if not found:
        raise UserError(f"{folder}: holds no image ({' '.join(sorted(IMAGE_SUFFIXES))}): check the path")
    return [Path(path) for path in sorted(found)]


def read_list(path: Path, image_dir: Path | None, report: Report) -> list[Path]:
    """Return the images of a text list, one path per line, in the list's order.

    A relative entry is tried against the list's folder, ``image_dir``, ``image_dir`` with the entry's file name only,
    and the working directory; then as :func:`uhd.data.given_path.find_given` does. Lines that begin with ``#`` are
    comments, unless a file is named so.

    Raises:
        UserError: the list is missing or no entry leads to a file.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig", errors="surrogateescape").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot read the list of images ({error})") from None
    folder = image_dir if image_dir is None or image_dir.is_dir() else image_dir.parent
    found: list[Path] = []
    for number, line in enumerate(lines, start=1):
        entry = line.strip()
        if not entry:
            continue
        image, elsewhere = _image_named(entry, path.parent, folder)
        if image is not None:
            found.append(image)
            report.note(OTHER_MACHINE, int(elsewhere), case=f"{path}:{number}: {entry}" if elsewhere else "")
        elif not entry.startswith("#"):
            report.problem(MISSING_IMAGE, f"{path}:{number}: {entry}: there is no such file")
    if not found:
        raise UserError(f"{path}: no line names an existing image: paths are relative to {path.parent}")
    return found


def read_data_yaml(path: Path, report: Report) -> Found:
    """Return the images that a YOLO ``data.yaml`` names with its keys ``path``, ``train``, ``val`` and ``names``.

    Raises:
        UserError: not YAML, no ``train``, a folder is missing, or the ends of two entries are one folder.
    """
    content = read_yaml(path)
    if not content.get("train"):
        raise UserError(f"{path}: needs a key 'train' with a folder or list of images")
    root = path.parent
    if content.get("path"):
        place, _ = find_given(str(content["path"]), [root])
        root = root if place is None else place
    taken: _Taken = {}
    train = _yaml_images(content["train"], root, path, report, taken)
    val = next((content[name] for name in VAL_NAMES if content.get(name)), None)
    test = content.get("test")
    names = names_in(content, path)
    contradiction = count_contradiction(content, names, path)
    if contradiction:
        report.remark(contradiction)
    return Found(
        train,
        None if val is None else _yaml_images(val, root, path, report, taken),
        names,
        None if not test else _test_images(test, root, path, report, taken),
        keypoint_shape(content, path),
    )


def label_path(image: Path) -> Path:
    """Return the label file of an image: beside it, else the last folder ``images`` of its path read as ``labels``.

    ``photo.txt`` is looked for first, then ``photo.TXT``, ``photo.jpg.txt`` and ``photo.jpg.TXT``; where there is none,
    ``lbl`` beside ``img``, and ``labels/photo.txt`` of ``images/train/photo.jpg``.
    """
    beside = image.with_suffix(".txt")
    if beside.is_file():
        return beside
    other = _in_labels(image) or _in_labels(image.absolute()) or beside
    if other.is_file():
        return other
    for place in dict.fromkeys((beside, other)):
        for name in (f"{image.stem}.TXT", f"{image.name}.txt", f"{image.name}.TXT"):
            if (place.parent / name).is_file():
                return place.parent / name
    return _label_elsewhere(image.absolute()) or other


def _label_elsewhere(image: Path) -> Path | None:
    """Return the label file of an image in a rarer layout, None where there is none, or more than one image of it."""
    parts = image.parts
    for at in range(len(parts) - 2, -1, -1):
        for folder in _RARER.get(parts[at].lower(), ()):
            found = Path(*parts[:at], folder, *parts[at + 1 :]).with_suffix(".txt")
            if found.is_file():
                return found
    if len(parts) < 4 or parts[-3] not in _LABELS:
        return None
    flat = Path(*parts[:-3], _LABELS[parts[-3]], f"{image.stem}.txt")
    if not flat.is_file():
        return None
    # Two parts may have pictures of one name, and this is the label of one of them.
    names = {image.stem + suffix for suffix in (*IMAGE_SUFFIXES, image.suffix)}
    beside = (entry.path for entry in os.scandir(image.parent.parent) if entry.is_dir() and entry.name != parts[-2])
    shared = any(os.path.exists(os.path.join(place, name)) for place in beside for name in names)  # noqa: PTH110, PTH118
    return None if shared else flat


def _in_labels(image: Path) -> Path | None:
    """Return the label file in ``labels`` of an image below ``images`` or ``JPEGImages``; None for other places."""
    parts = image.parts
    for at in range(len(parts) - 2, -1, -1):
        folder = _LABELS.get(parts[at])
        if folder is not None:
            return Path(*parts[:at], folder, *parts[at + 1 :]).with_suffix(".txt")
    return None


def _find_in_folder(folder: Path, report: Report) -> Found:
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder: check the path")
    annotations = part_annotations(folder)
    if annotations:
        report.remark(f"{folder}: read by {', '.join(str(p) for files in annotations.values() for p in files)}")
        return Found(annotations["train"], annotations.get("val"), test=annotations.get("test"))
    images = next((folder / name for name in ("images", "Images", "IMAGES") if (folder / name).is_dir()), None)
    for base in (folder, images):
        parts = {} if base is None else part_folders(base)
        if base is None or "train" not in parts:
            continue
        stray = sum(entry.is_file() and is_image_name(entry.name) for entry in os.scandir(base))
        if stray and "val" not in parts:
            continue
        report.note(f"image beside {parts['train'][0].name}/ in {base} (left out: not in any part)", stray)
        found = {part: _images_of(folders, part, report) for part, folders in parts.items()}
        return Found(found["train"] or [], found.get("val"), test=found.get("test"))
    # Beside images/ there may be masks/ or previews/ that are no photographs of the data set.
    if images is not None and not _holds_images(folder):
        folder = images
    return Found(find_images(folder, report))


def _images_of(folders: list[Path], part: str, report: Report) -> list[Path] | None:
    """Return the images of a part; None for one that is empty, which only the one to train on must not be."""
    images: list[Path] = []
    for folder in folders:
        try:
            images += find_images(folder, report)
        except UserError:
            if part == "train" and len(folders) == 1:
                raise
            report.remark(f"{folder}: holds no image: as if it were not there")
    return images or None


def _holds_images(folder: Path) -> bool:
    return folder.is_dir() and any(entry.is_file() and is_image_name(entry.name) for entry in os.scandir(folder))


def _yaml_images(value: Any, root: Path, where: Path, report: Report, taken: _Taken) -> list[Path]:
    images: list[Path] = []
    for entry in map(str, value if isinstance(value, list) else [value]):
        place, elsewhere = find_given(entry, [root], shortest=1)
        pattern = (root / entry).as_posix()
        if place is None and glob.has_magic(entry):
            images += sorted(Path(name) for name in glob.iglob(pattern, recursive=True) if is_image_name(name))  # noqa: PTH207
            continue
        if place is None:
            raise UserError(f"{where}: {entry}: no such file or folder below {root}: mend 'path' or the entry")
        other, by_end = taken.setdefault(real_path(place), (entry, elsewhere))
        if other != entry and (elsewhere or by_end):
            raise UserError(f"{where}: {other} and {entry}: both would be {place}: mend 'path' or the entries")
        if elsewhere:
            report.remark(f"{where}: {entry} is not there: {place} is taken")
        images += find_images(place, report) if place.is_dir() else _listed(place, root, report)
    if not images:
        raise UserError(f"{where}: {value}: no image matches below {root}: mend 'path' or the entry")
    return images


def _image_named(entry: str, beside: Path, folder: Path | None) -> tuple[Path | None, bool]:
    """Return the image that a line of a list names, and whether only the end of its path was found."""
    folders = [beside] if folder is None else [beside, folder]
    image, elsewhere = find_given(entry, folders)
    if (image is None or elsewhere) and folder is not None:
        by_name = folder / entry.replace("\\", "/").rpartition("/")[2]
        if image is None and by_name.is_file():
            return by_name, False
    return (image, elsewhere) if image is not None and image.is_file() else (None, False)


def _listed(path: Path, folder: Path | None, report: Report) -> list[Path]:
    """Return the images of a text list; a file of annotations stands for its own."""
    return [path] if annotation_format(path) is not None and path.is_file() else read_list(path, folder, report)


def _test_images(value: Any, root: Path, where: Path, report: Report, taken: _Taken) -> list[Path] | None:
    """Return the images of the test part; one that is named but not there is left out, as is common."""
    try:
        return _yaml_images(value, root, where, report, taken)
    except UserError:
        report.note("test part named in data.yaml, but not there")
        return None

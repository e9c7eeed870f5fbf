"""Read a labelled data set in any of the formats that :data:`READERS` knows, whatever its layout."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from uhd.data.class_names import known_names
from uhd.data.config import DataConfig
from uhd.data.formats.coco import category_names, read_coco
from uhd.data.formats.cvat import cvat_names, read_cvat
from uhd.data.formats.labelme import is_labelme, labelme_names, read_labelme
from uhd.data.formats.refhuman import is_refhuman, read_refhuman
from uhd.data.formats.rows import relabel
from uhd.data.formats.voc import read_voc, read_xml, voc_names
from uhd.data.formats.voc_writer import REGION
from uhd.data.formats.yolo import ClassMap
from uhd.data.labelled_set import LabelledSet, join_same, part_of, set_of
from uhd.data.parts import part_named
from uhd.data.problems import BAD_LABEL, Report
from uhd.data.read_yolo_set import read_yolo_set
from uhd.data.records import Record
from uhd.errors import UserError
from uhd.objects import Objects
from uhd.read import is_image_name

WITHOUT_FILE = "image without annotation file (counted as empty)"


def read_set(place: Path, kind: str, report: Report) -> LabelledSet:
    """Read a data set.

    Args:
        place: its folder, or a file of annotations.
        kind: key of :data:`READERS`, or ``auto``.
        report: receives what is wrong.

    Raises:
        UserError: nothing there, or nothing of that kind.
    """
    if not place.exists():
        raise UserError(f"{place}: no such file or folder")
    return READERS[guess_format(place) if kind == "auto" else kind](place, report)


def guess_format(place: Path) -> str:
    """Return the format of a data set: by its file, else by the first file of annotations in its folder."""
    if place.is_file() and place.suffix.lower() in (".yaml", ".yml", ".txt"):
        return "yolo"
    if place.is_dir() and any((place / name).is_file() for name in ("data.yaml", "data.yml")):
        return "yolo"
    for _, root in _roots(place, Report()):
        tag = root.tag
        if tag in ("annotation", "annotations"):
            return "voc" if tag == "annotation" else "cvat"
    for path in _files(place, ".json"):
        content = _content(path)
        if is_labelme(content):
            return "labelme"
        if _is_coco(content):
            return "refhuman" if is_refhuman(path) else "coco"
    return "yolo"


def _read_coco_set(place: Path, report: Report) -> LabelledSet:
    return _joined(place, report, read_coco)


def _read_refhuman_set(place: Path, report: Report) -> LabelledSet:
    return _joined(place, report, read_refhuman)


def _joined(place: Path, report: Report, read: Callable[..., tuple[list[Record], tuple[str, ...]]]) -> LabelledSet:
    """Read annotation files, each a part or a piece of one; classes of one name are one."""
    files = [path for path in _files(place, ".json") if _is_coco(_content(path))]
    if not files:
        raise UserError(f"{place}: holds no COCO annotation file: needs lists images, annotations, categories")
    order = sorted(files, key=lambda path: (("train", "val", "test", "").index(_part_of_file(path, place)), str(path)))
    names = list(dict.fromkeys(name for path in order for name in category_names(path)))
    pairs: list[tuple[str, Record]] = []
    owners: dict[Path, Path] = {}
    for path in order:
        own = category_names(path)
        records, _ = read(path, ClassMap.of(tuple(range(len(own))), len(own)), report)
        for record in records:
            other = owners.setdefault(record.image, path)
            if other != path:
                raise UserError(f"{path}: holds {record.image.name}, as {other} does: name the file you mean")
        number = {i: names.index(name) for i, name in enumerate(own)}
        same = all(old == new for old, new in number.items())
        part = _part_of_file(path, place)
        pairs += [(part, record if same else relabel(record, number)) for record in records]
    return set_of(pairs, names)


def _read_voc_set(place: Path, report: Report) -> LabelledSet:
    found = [(path, root) for path, root in _roots(place, report) if root.tag == "annotation"]
    if not found:
        raise UserError(f"{place}: holds no VOC annotation: an XML file with <annotation>")
    names = _ordered(place, voc_names([root for _, root in found]) - {REGION})
    numbers = {name: i for i, name in enumerate(names)}
    folder = place if place.is_dir() else place.parent
    records = [record for path, root in found if (record := read_voc(path, root, numbers, report)) is not None]
    records += _unlabelled(records, report) if place.is_dir() else []
    listed = {}
    for path in sorted(folder.rglob("ImageSets/Main/*.txt")):
        if path.stem == part_named(path.stem):
            top = path.parents[2]
            words = (line.split() for line in path.read_text(encoding="utf-8-sig", errors="replace").splitlines())
            listed.update({(top, line[0]): path.stem for line in words if line})
    tops = {top for top, _ in listed}

    def part(image: Path) -> str:
        for top in tops:
            if image.is_relative_to(top / "JPEGImages"):
                return listed.get((top, image.relative_to(top / "JPEGImages").with_suffix("").as_posix()), "")
        return part_of(image, folder)

    return set_of(join_same([(part(record.image), record) for record in records], report), names)


def _read_cvat_set(place: Path, report: Report) -> LabelledSet:
    files = [(path, root) for path, root in _roots(place, report) if root.tag == "annotations"]
    if not files:
        raise UserError(f"{place}: holds no CVAT annotation file: an XML file with <annotations>")
    names = list(dict.fromkeys(name for _, root in files for name in cvat_names(root)))
    numbers = {name: i for i, name in enumerate(names)}
    folder = place if place.is_dir() else place.parent
    pairs = [pair for path, root in files for pair in read_cvat(path, root, numbers, report)]
    parts = [(part_named(subset) or part_of(record.image, folder), record) for subset, record in pairs]
    return set_of(join_same(parts, report), names)


def _read_labelme_set(place: Path, report: Report) -> LabelledSet:
    found = [(path, content) for path in _files(place, ".json") if is_labelme(content := _content(path))]
    if not found:
        raise UserError(f"{place}: holds no LabelMe file: JSON with a list 'shapes'")
    names = _ordered(place, labelme_names([content for _, content in found]))
    numbers = {name: i for i, name in enumerate(names)}
    records = [r for path, content in found if (r := read_labelme(path, content, numbers, report)) is not None]
    records += _unlabelled(records, report) if place.is_dir() else []
    folder = place if place.is_dir() else place.parent
    return set_of(join_same([(part_of(record.image, folder), record) for record in records], report), names)


READERS: dict[str, Callable[[Path, Report], LabelledSet]] = {
    "yolo": read_yolo_set,
    "coco": _read_coco_set,
    "voc": _read_voc_set,
    "refhuman": _read_refhuman_set,
    "cvat": _read_cvat_set,
    "labelme": _read_labelme_set,
}


def _files(place: Path, suffix: str) -> list[Path]:
    if place.is_file():
        return [place] if place.suffix.lower() == suffix else []
    return sorted(path for path in place.rglob("*") if path.suffix.lower() == suffix and path.is_file())


def _roots(place: Path, report: Report) -> Iterator[tuple[Path, Element]]:
    """Yield the XML files of a data set with their content; broken ones are reported, and an error where all are."""
    broken: list[UserError] = []
    read = 0
    for path in _files(place, ".xml"):
        try:
            root = read_xml(path)
        except UserError as error:
            report.problem(BAD_LABEL, str(error))
            broken.append(error)
            continue
        read += 1
        yield path, root
    if broken and not read:
        raise broken[0]


def _content(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read as JSON ({error})") from None


def _is_coco(content: Any) -> bool:
    return isinstance(content, dict) and all(
        isinstance(content.get(key), list) for key in ("images", "annotations", "categories")
    )


def _part_of_file(path: Path, place: Path) -> str:
    return part_named(path.stem) or (part_of(path, place) if place.is_dir() else "")


def _ordered(place: Path, used: Iterable[str]) -> list[str]:
    """Return class names in the order of the data set's own list, where it has one, then sorted."""
    listed: Sequence[str] = known_names(DataConfig(image_dir=place if place.is_dir() else place.parent))
    return list(dict.fromkeys([*listed, *sorted(used)]))


def _unlabelled(records: Sequence[Record], report: Report) -> list[Record]:
    """Return the images beside labelled ones that have no annotation file of their own."""
    known = {record.image for record in records}
    found = []
    for folder in sorted({image.parent for image in known}):
        for path in sorted(folder.iterdir()):
            if is_image_name(path.name) and path.is_file() and path not in known:
                report.note(WITHOUT_FILE, case=str(path))
                found.append(Record(path, Objects.empty()))
    return found

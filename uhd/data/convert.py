"""``uhd data convert``: one record per image in between, a reader and a writer per format."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from uhd.data.config import DataConfig
from uhd.data.formats.coco_writer import write_coco
from uhd.data.formats.voc_writer import voc_text
from uhd.data.formats.yolo_writer import write_yolo
from uhd.data.image_size import shown_size
from uhd.data.labelled_set import REST, LabelledSet, map_classes
from uhd.data.place_image import place_image
from uhd.data.problems import BAD_IMAGE, Report
from uhd.data.read_set import read_set
from uhd.data.records import Record
from uhd.data.stratify import stratify
from uhd.errors import UserError
from uhd.files import save_text, save_text_soon
from uhd.json_text import json_text
from uhd.read import UnreadableImage

_SEED = 42
OTHER_SIZE = "image of another size than its labels say (boxes are taken as shares of it)"
Places = Mapping[str, Sequence[tuple[Path, Record]]]


@dataclass(frozen=True)
class Converted:
    """What was written.

    Attributes:
        images: how many, by part.
        objects, regions: to be found, and to be ignored.
        empty: images without an object to be found.
        names: of the classes.
        left_out: objects of classes that were not wanted, by name.
        report: what was wrong on the way.
    """

    images: dict[str, int]
    objects: int
    regions: int
    empty: int
    names: tuple[str, ...]
    left_out: Counter[str]
    report: Report


def convert(
    source: Path,
    output: Path,
    to: str,
    kind: str = "auto",
    classes: Sequence[int | str] = (),
    names: Sequence[str] = (),
    copy: bool = False,
    strict: bool = False,
    val_split: float = 0.0,
) -> Converted:
    """Write a data set in another format. The images are linked; what a second run writes is the same.

    Args:
        source: folder or file of the data set, which is not touched.
        output: folder of the new one.
        to: key of :data:`WRITERS`.
        kind: format of the source, ``auto`` to find out.
        classes, names: see :func:`~uhd.data.labelled_set.map_classes`.
        copy: copy the images instead of linking them.
        strict: the first problem stops.
        val_split: share to validate on of a data set without parts, spread alike by people per image and their size.

    Raises:
        UserError: nothing to read, or ``output`` lies in the source or holds other images.
    """
    if not source.exists():
        raise UserError(f"{source}: no such file or folder")
    _refuse_source(source, output)
    report = Report(strict)
    found, left = map_classes(read_set(source, kind, report), classes, names)
    sized = {part: [r for r in (_with_size(r, report) for r in records) if r] for part, records in found.parts.items()}
    found = replace(found, parts={part: records for part, records in sized.items() if records})
    if not found.records:
        raise UserError(f"{source}: no image with a readable size: {report.first_reasons()}")
    if val_split and list(found.parts) == [""]:
        found = replace(found, parts=_divided(found.parts[""], val_split))
    images, write = WRITERS[to]
    places = _places(found, flat=to == "voc")
    _refuse_others(output / images, {place for part in places.values() for place, _ in part})
    for place, record in (entry for part in places.values() for entry in part):
        place_image(record.image, output / images / place, copy)
    write(output, places, found.names)
    return Converted(
        {part: len(records) for part, records in found.parts.items()},
        sum(record.objects.count for record in found.records),
        sum(len(record.ignore) for record in found.records),
        sum(not record.objects.count for record in found.records),
        found.names,
        left,
        report,
    )


def _write_coco(folder: Path, places: Places, names: Sequence[str]) -> None:
    first = 1
    for part, images in places.items():
        below = [(place.relative_to(part) if part else place, record) for place, record in images]
        name = f"instances_{part}.json" if part else "instances.json"
        write_coco(folder / "annotations" / name, below, names, first)
        first += len(images)


def _write_voc(folder: Path, places: Places, names: Sequence[str]) -> None:
    for part, images in places.items():
        for place, record in images:
            save_text_soon((folder / "Annotations" / place).with_suffix(".xml"), voc_text(place, record, names))
        if part and part != REST:
            lines = [place.with_suffix("").as_posix() for place, _ in images]
            save_text(folder / "ImageSets" / "Main" / f"{part}.txt", "".join(f"{line}\n" for line in lines))
    save_text(folder / "classes.txt", "".join(f"{name}\n" for name in names))


# Format -> the folder of its images, and what writes its labels.
WRITERS: dict[str, tuple[str, Callable[[Path, Places, Sequence[str]], None]]] = {
    "yolo": ("images", write_yolo),
    "coco": ("images", _write_coco),
    "voc": ("JPEGImages", _write_voc),
}


def _with_size(record: Record, report: Report) -> Record | None:
    """Return a record with the size that its file has; None for a file that is no image."""
    try:
        size = shown_size(record.image)
    except UnreadableImage as error:
        report.problem(BAD_IMAGE, str(error))
        return None
    if record.size is not None and record.size != size:
        told = "x".join(map(str, record.size))
        report.note(OTHER_SIZE, case=f"{record.image}: is {size[0]}x{size[1]}, its labels are for {told}")
    return replace(record, size=size)


def _divided(records: Sequence[Record], val_split: float) -> dict[str, list[Record]]:
    parts = stratify(records, {"train": 1 - val_split, "val": val_split}, _SEED, DataConfig().img_size[0])
    return {part: images for part, images in parts.items() if images}


def _places(found: LabelledSet, flat: bool) -> dict[str, list[tuple[Path, Record]]]:
    """Return where every image is to lie: below its part, or where ``flat`` beside all others if names allow."""
    relative: dict[str, list[tuple[Path, Record]]] = {}
    for part, records in found.parts.items():
        base = os.path.commonpath([record.image.parent.absolute() for record in records])
        relative[part] = [(Path(os.path.relpath(record.image.absolute(), base)), record) for record in records]
    stems = Counter(str(place.with_suffix("")).casefold() for part in relative.values() for place, _ in part)
    flat = flat and max(stems.values()) == 1
    used: set[str] = set()
    return {
        part: [(_free(place if flat else part / place, used), record) for place, record in entries]
        for part, entries in relative.items()
    }


def _free(place: Path, used: set[str]) -> Path:
    """Return a place whose label file is no other image's: a.jpg and a.png cannot share a.txt."""
    stem, number = place.stem, 2
    while str(place.with_suffix("")).casefold() in used:
        place, number = place.with_name(f"{stem}_{number}{place.suffix}"), number + 1
    used.add(str(place.with_suffix("")).casefold())
    return place


def _refuse_source(source: Path, output: Path) -> None:
    root, place = (source if source.is_dir() else source.parent).resolve(), output.resolve()
    inside = source.is_dir() and (place.is_relative_to(root) or root.is_relative_to(place))
    if inside or place == root:
        raise UserError(f"{output}: lies in {root}, which is never written to, or around it: name another folder")


def _refuse_others(folder: Path, wanted: set[Path]) -> None:
    """Refuse a folder with images of something else: they would become part of the data set."""
    for path in folder.rglob("*") if folder.is_dir() else ():
        if not path.is_dir() and path.name != "ignore.json" and path.relative_to(folder) not in wanted:
            raise UserError(f"{path}: is none of the images to write: name an empty folder")


def summary(done: Converted) -> str:
    """Return the counts as JSON."""
    table = {
        "images": done.images, "objects": done.objects, "ignore regions": done.regions, "empty images": done.empty,
        "classes": list(done.names), "left out": dict(done.left_out), "problems": done.report.to_dict(),
    }  # fmt: skip
    return json_text(table)

"""RefHuman (HuMAR/UniPHD): COCO's JSON with an entry per image and text, merged to one record per image."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from uhd.data.formats.coco import read_coco
from uhd.data.formats.coco_content import read_content
from uhd.data.formats.rows import Row, record_of, rows_of
from uhd.data.formats.yolo import ClassMap
from uhd.data.problems import Report
from uhd.data.records import Record


def read_refhuman(path: Path, classes: ClassMap, report: Report) -> tuple[list[Record], tuple[str, ...]]:
    """Read a RefHuman file: a person who is described several times is one object with several texts.

    See :func:`~uhd.data.formats.coco.read_coco` for arguments, returned values and errors.
    """
    records, names = read_coco(path, classes, report, describe=True)
    merged: dict[Path, list[Row]] = {}
    sizes = {record.image: record.size for record in records}
    for record in records:
        rows = merged.setdefault(record.image, [])
        for row in rows_of(record):
            same = next((i for i, other in enumerate(rows) if (other.label, other.box) == (row.label, row.box)), None)
            if same is None:
                rows.append(row)
            else:
                texts = tuple(dict.fromkeys(rows[same].texts + row.texts))
                rows[same] = replace(rows[same], texts=texts)
    return [record_of(image, rows, sizes[image]) for image, rows in merged.items()], names


def is_refhuman(path: Path) -> bool:
    """Return whether the images of a COCO file have captions, as RefHuman's do.

    Raises:
        UserError: not a COCO annotation file.
    """
    images = read_content(path)["images"]
    return bool(images) and all(isinstance(entry, dict) and "caption" in entry for entry in images[:10])

"""One file per label format: read to records, written from them. A new format is a file here and a line in ANNOTATIONS.

YOLO has a label file beside every image; the formats of :data:`ANNOTATIONS` have one file for many images, which
stands wherever a folder or a list of images may stand.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from uhd.data.formats.coco import category_names, read_coco
from uhd.data.formats.yolo import ClassMap
from uhd.data.problems import Report
from uhd.data.records import Record


@dataclass(frozen=True)
class AnnotationFormat:
    """How files with the labels of many images are read.

    Attributes:
        read: (file, wanted classes, report) -> records, and names by class number.
        names: file -> names by class number.
    """

    read: Callable[[Path, ClassMap, Report], tuple[list[Record], tuple[str, ...]]]
    names: Callable[[Path], tuple[str, ...]]


ANNOTATIONS: dict[str, AnnotationFormat] = {".json": AnnotationFormat(read_coco, category_names)}


def annotation_format(path: Path) -> AnnotationFormat | None:
    """Return how a file of annotations is read, None for an image, a list or a folder."""
    return ANNOTATIONS.get(path.suffix.lower())

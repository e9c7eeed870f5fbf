"""Records as a COCO annotation file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from uhd.data.formats.decimals import pixel_box, pixel_points
from uhd.data.formats.rows import Row, rows_of
from uhd.data.formats.yolo_writer import keypoint_count
from uhd.data.records import Record
from uhd.files import save_text
from uhd.keypoints import KEYPOINT_NAMES, SKELETON
from uhd.outlines import outline_area


def write_coco(
    path: Path, images: Sequence[tuple[Path, Record]], names: Sequence[str], first_id: int = 1,
    captions: Sequence[str] | None = None, info: Mapping[str, Any] | None = None,
) -> None:  # fmt: skip
    """Write one annotation file. Its categories are all of ``names``, with the ids 1, 2, ... in their order.

    Crowds have ``iscrowd``, regions of no class ``ignore`` beside it; marks are keys of their own, as ``difficult``.

    Args:
        path: the file; an existing one is replaced.
        images: name of the image in the file, and its record, whose ``size`` must be known.
        names: of the classes.
        first_id: of the images; ids of a data set's parts should not meet.
        captions: of the images, as RefHuman has them; "" for none.
        info: about the whole file.
    """
    entries: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for image_id, (place, record) in enumerate(images, start=first_id):
        assert record.size is not None
        height, width = record.size
        entry = {"id": image_id, "file_name": place.as_posix(), "width": width, "height": height}
        caption = captions[image_id - first_id] if captions else ""
        entries.append(entry | ({"caption": caption} if caption else {}))
        for row in rows_of(record):
            start = {"id": first_id + len(annotations), "image_id": image_id, "category_id": max(row.label, 0) + 1}
            annotations.append(start | _annotation(row, record.size))
    points = keypoint_count([record for _, record in images])
    categories = [_category(i, name, points) for i, name in enumerate(names, start=1)]
    tables = {"images": entries, "annotations": annotations, "categories": categories}
    save_text(path, json.dumps(({"info": dict(info)} if info else {}) | tables))


def _annotation(row: Row, size: tuple[int, int]) -> dict[str, Any]:
    box = pixel_box(np.array(row.box, np.float32), size)
    area = outline_area(row.outline) * size[0] * size[1] if row.outline else box[2] * box[3]
    found: dict[str, Any] = {"bbox": box, "area": round(area, 4), "iscrowd": int(row.ignored)}
    if row.ignored and row.label < 0:
        found["ignore"] = 1
    found["segmentation"] = [pixel_points(ring, size) for ring in row.outline]
    if row.keypoints is not None:
        places = np.array(pixel_points(row.keypoints[:, :2], size)).reshape(-1, 2)
        triples = zip(places.tolist(), row.keypoints[:, 2].tolist(), strict=True)
        found["keypoints"] = [value for (x, y), seen in triples for value in (x, y, int(seen))]
        found["num_keypoints"] = int((row.keypoints[:, 2] > 0).sum())
    return found | dict.fromkeys(sorted(row.marks), 1) | ({"texts": list(row.texts)} if row.texts else {})


def _category(number: int, name: str, points: int) -> dict[str, Any]:
    found: dict[str, Any] = {"id": number, "name": name, "supercategory": name}
    if points == len(KEYPOINT_NAMES):
        return found | {"keypoints": list(KEYPOINT_NAMES), "skeleton": SKELETON}
    return found | ({"keypoints": [f"point_{i}" for i in range(points)]} if points else {})

"""A COCO annotation file cut into parts: every entry as it was, so that nothing is lost that is not read here."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from uhd.data.formats.coco import categories_of, find_image, name_of
from uhd.data.formats.coco_content import read_content


def coco_parts(files: Sequence[Path], parts: Mapping[str, Sequence[Path]]) -> dict[str, str]:
    """Return the text of an annotation file for each part: its images by absolute path, and all that belongs to them.

    Args:
        files: annotation files with the same classes; ids are given anew where there are several.
        parts: name -> images.
    """
    owner = {image: part for part, images in parts.items() for image in images}
    contents = [read_content(path) for path in files]
    found = {part: dict[str, Any](contents[0]) | {"images": [], "annotations": []} for part in parts}
    ids = [category["id"] for category in categories_of(contents[0])]
    images = annotations = 0
    for path, content in zip(files, contents, strict=True):
        category = dict(zip((each["id"] for each in categories_of(content)), ids, strict=True))
        taken: dict[Any, tuple[str, Any]] = {}
        for entry in content["images"]:
            image = find_image(path, name_of(entry))
            if image is None or image not in owner:
                continue
            images += 1
            number = entry["id"] if len(files) == 1 else images
            taken[entry["id"]] = owner[image], number
            found[owner[image]]["images"].append(entry | {"id": number, "file_name": str(image.absolute())})
        for annotation in content["annotations"]:
            if annotation["image_id"] in taken:
                annotations += 1
                part, number = taken[annotation["image_id"]]
                kind = category.get(annotation["category_id"], annotation["category_id"])
                own = {} if len(files) == 1 else {"id": annotations, "image_id": number, "category_id": kind}
                found[part]["annotations"].append(annotation | own)
    return {part: json.dumps(content) for part, content in found.items()}

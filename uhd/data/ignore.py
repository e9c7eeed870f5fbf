"""Regions that count neither for nor against: ``ignore.json`` beside the images or one folder above."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from uhd.boxes import clip_xyxy, cxcywh_to_xyxy
from uhd.data.problems import BAD_IGNORE, Report
from uhd.errors import UserError

FILE_NAME = "ignore.json"


class IgnoreRegions:
    """Looks up the ignore regions of images; every ``ignore.json`` is read once.

    The file maps an image's stem to a list of ``[cx, cy, w, h]``, normalised to the image.
    """

    def __init__(self, report: Report) -> None:
        self._report = report
        self._files: dict[Path, dict[str, NDArray[np.float32]]] = {}

    def of(self, image: Path) -> NDArray[np.float32]:
        """Return the (M, 4) float32 ``xyxy`` regions of an image, normalised and clipped; the nearer file wins.

        Raises:
            UserError: the file is not a JSON object of lists.
        """
        for folder in (image.parent, image.parent.parent):
            regions = self._read(folder / FILE_NAME).get(image.stem)
            if regions is not None:
                return regions
        return np.zeros((0, 4), np.float32)

    def _read(self, path: Path) -> dict[str, NDArray[np.float32]]:
        if path not in self._files:
            self._files[path] = self._parse(path) if path.is_file() else {}
        return self._files[path]

    def _parse(self, path: Path) -> dict[str, NDArray[np.float32]]:
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UserError(f"{path}: cannot be read ({error}): mend it or move it away") from None
        if not isinstance(content, dict):
            raise UserError(f"{path}: must map image stems to lists of [cx, cy, w, h]")
        return {stem: self._boxes(path, stem, boxes) for stem, boxes in content.items()}

    def _boxes(self, path: Path, stem: str, boxes: Any) -> NDArray[np.float32]:
        good: list[list[float]] = []
        for box in boxes if isinstance(boxes, list) else [boxes]:
            if _is_box(box):
                good.append([float(value) for value in box])
            else:
                self._report.problem(BAD_IGNORE, f"{path}: {stem}: {box!r} is not [cx, cy, w, h] with a positive size")
        cxcywh = np.array(good, dtype=np.float64).reshape(-1, 4)
        return clip_xyxy(cxcywh_to_xyxy(cxcywh)).astype(np.float32)  # type: ignore[arg-type]


def _is_box(box: Any) -> bool:
    return (
        isinstance(box, list)
        and len(box) == 4
        and all(isinstance(value, int | float) and math.isfinite(value) for value in box)
        and box[2] > 0
        and box[3] > 0
    )

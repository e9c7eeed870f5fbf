"""Run exported C behind the interface of every other runtime: compiled into a shared library and called by ctypes."""

from __future__ import annotations

import ctypes
import json
import os
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from uhd.card import ModelSpec
from uhd.detections import Detections
from uhd.errors import UserError
from uhd.export.c.emit import METADATA
from uhd.export.c.preprocess import levels
from uhd.heads import one_class_each
from uhd.runtime.predictor import Prediction
from uhd.runtime.reopened import ReopenedPredictor

COMPILERS = ("cc", "gcc", "clang")
FLAGS = ("-O3", "-march=native")


class CPredictor(ReopenedPredictor):
    """A ``.c`` file that the export wrote, with its ``.h`` beside it.

    The code works in static memory: threads that share it take turns.

    Args:
        path: the ``.c``.
        threads: without effect: the code runs on one.
        flags: of the compiler.
        known: fields of :class:`ModelSpec` that replace the file's.

    Raises:
        UserError: not such a file, its header is missing, or it cannot be compiled here.
    """

    def __init__(self, path: str | Path, threads: int = 1, flags: Sequence[str] = FLAGS, **known: Any) -> None:
        self._made_with(path=path, threads=threads, flags=flags, **known)
        path = Path(path)
        table = read_metadata(path)
        header = _header(path)
        self.spec = ModelSpec.from_metadata(table, **known)
        if known.get("input_size") is not None or known.get("resize_mode") is not None:
            built = ModelSpec.from_metadata(table)
            if (built.input_size, built.resize_mode) != (self.spec.input_size, self.spec.resize_mode):
                raise UserError(f"{path}: input size and resize mode are those it was written for")
        self.every_class = table.get("c_every_class") == "true"
        self.topk = int(table.get("c_topk") or 0)
        self.classes, self.count = (
            int(_find(header, path, rf"#define \w+_{word} (\d+)")) for word in ("CLASSES", "PREDICTIONS")
        )
        self.folder = tempfile.TemporaryDirectory()
        self.library = ctypes.CDLL(str(build(path, Path(self.folder.name) / "model.so", [*flags, "-shared", "-fPIC"])))
        prefix = _find(header, path, r"#define (\w+)_INPUT_HEIGHT ")
        self._predict = getattr(self.library, f"{prefix}_predict")
        self._detect = getattr(self.library, f"{prefix}_detect")
        self._detect.argtypes = [
            ctypes.c_void_p, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.c_int,
            ctypes.c_float, ctypes.c_float,
        ]  # fmt: skip
        self._turn = threading.Lock()
        self._boxes = np.empty((self.count, 4), np.float32)
        self._scores = np.empty((self.count, self.classes), np.float32)

    def infer(self, batch: NDArray[np.float32]) -> list[Prediction]:
        """Run the network on (B, C, h, w); see :meth:`Predictor.infer`."""
        return [self._one(pixels) for pixels in self.pixels(batch)]

    def pixels(self, batch: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Return the bytes (B, h, w, C) that the C code reads, of the network's input (B, C, h, w)."""
        data = np.rint(batch * levels(self.spec.resize_mode)).astype(np.uint8)
        return np.ascontiguousarray(data.transpose(0, 2, 3, 1))

    def run(self, pixels: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return all boxes (N, 4) and scores (N, classes) of one image (h, w, C); both are overwritten by the next."""
        self._predict(*(ctypes.c_void_p(array.ctypes.data) for array in (pixels, self._boxes, self._scores)))
        return self._boxes, self._scores

    def detect(
        self,
        image: NDArray[np.uint8],
        conf_thresh: float | None = None,
        nms_iou: float | None = None,
        max_boxes: int = 1000,
    ) -> Detections:
        """Detect in an RGB image (H, W, 3) wholly in C: resizing, network, decoding and suppression."""
        height, width = image.shape[:2]
        image = np.ascontiguousarray(image)
        rows = np.zeros(max_boxes, np.dtype([("box", "<f4", 4), ("score", "<f4"), ("class_id", "<i4")]))
        with self._turn:
            found = self._detect(
                image.ctypes.data, width, height, 3 * width, rows.ctypes.data, max_boxes,
                self.spec.conf_thresh if conf_thresh is None else conf_thresh,
                self.spec.suppression.at(nms_iou).iou,
            )  # fmt: skip
        if found < 0:
            raise ValueError("the C code refused the arguments")
        rows = rows[:found]
        ids = rows["class_id"].astype(np.int64)
        return Detections(rows["box"].copy(), rows["score"].copy(), ids, (height, width), self.spec.class_names)

    def _one(self, pixels: NDArray[np.uint8]) -> Prediction:
        with self._turn:
            boxes, scores = (array.copy() for array in self.run(pixels))
        if self.every_class:
            boxes, scores = one_class_each(boxes, scores)
        if self.topk:
            best = scores.max(1)
            order = np.argsort(-best, kind="stable")[: self.topk]
            order = order[best[order] > 0]
            boxes, scores = boxes[order], scores[order]
        return boxes, scores


def compiler() -> str | None:
    """Return the C compiler of this machine: ``$CC`` or the first of ``COMPILERS``, or None."""
    named = os.environ.get("CC")
    return next((found for name in ([named] if named else COMPILERS) if (found := shutil.which(name))), None)


def build(source: Path, target: Path, flags: Sequence[str]) -> Path:
    """Compile C into ``target``.

    Raises:
        UserError: no compiler, or it reports errors.
    """
    program = compiler()
    if program is None:
        raise UserError(f"{source}: running C needs a C compiler; install one, or name it in the variable CC")
    command = [program, *flags, str(source), "-o", str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        first = next((line for line in done.stderr.splitlines() if "error" in line), done.stderr[:200])
        raise UserError(f"{source}: {program} cannot compile it: {first}")
    return target


def read_metadata(path: Path) -> dict[str, str]:
    """Return what a ``.c`` file says of itself in its first line; nothing of it is compiled.

    Raises:
        UserError: not a file that the export wrote.
    """
    try:
        with path.open(encoding="utf-8") as file:
            first = file.readline()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from None
    found = re.fullmatch(rf"/\* {METADATA} (\{{.*\}}) \*/\n", first)
    try:
        table = json.loads(found.group(1)) if found else None
    except ValueError:
        table = None
    if not isinstance(table, dict):
        raise UserError(f"{path}: is not C written by `uhd export --format c`")
    return {str(key): str(value) for key, value in table.items()}


def _header(path: Path) -> str:
    header = path.with_suffix(".h")
    if not header.is_file():
        raise UserError(f"{header}: is missing; it belongs beside {path.name}")
    return header.read_text(encoding="utf-8")


def _find(header: str, path: Path, pattern: str) -> str:
    found = re.search(pattern, header)
    if found is None:
        raise UserError(f"{path.with_suffix('.h')}: does not belong to {path.name}")
    return found.group(1)

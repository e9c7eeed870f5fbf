"""Files that a command writes: where they may go, and how a drawn image gets there."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uhd.errors import UserError
from uhd.files import real_path, save_atomic, save_bytes_soon
from uhd.json_text import json_text

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from uhd.data.config import DataConfig

JSON = (".json", ".jsonl", ".ndjson")
FIGURES = (".png", ".jpg", ".jpeg", ".pdf", ".svg", ".webp")
_HEAD = 4096  # bytes
# What models, pictures and recordings are: no text holds a control character besides tabs and ends of lines.
_BINARY = (
    ".onnx", ".tflite", ".espdl", ".safetensors", ".pt", ".keras", ".png", ".jpg", ".jpeg", ".webp", ".mp4", ".avi",
    ".mkv", ".webm",
)  # fmt: skip
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f]")
# First keys of labels: COCO, LabelMe, VIA.
_OF_DATA = re.compile(rb'\{\s*"(info|licenses|images|annotations|categories|type|version|flags|shapes|imagePath|_via)')


def claim(path: Path, kinds: Sequence[str], inputs: Iterable[Path] = (), data: DataConfig | None = None) -> Path:
    """Make sure that a file may be written, before any work is done, and create its folder.

    Args:
        path: the file.
        kinds: suffixes of what will be written. An existing file is replaced only if it looks like an earlier result.
        inputs: files that the command reads, which are never replaced.
        data: the data set that the command reads. No picture and no text is written into its folders, which would be
            taken for photographs and labels of it.

    Raises:
        UserError: the file is a folder, is read by the command, would become part of the data set, or holds something
            of another kind.
    """
    if path.is_dir():
        raise UserError(f"{path}: is a folder; name a file to write")
    if data is not None:
        from uhd.data.apart import check_apart
        from uhd.read import IMAGE_SUFFIXES

        inputs = [*inputs, *data.files()]
        if path.suffix.lower() in (*IMAGE_SUFFIXES, ".txt"):
            check_apart(path, data)
    place = real_path(path)
    if any(place == real_path(source) for source in inputs):
        raise UserError(f"{path}: would replace a file that is read; name another one to write")
    if path.exists() and path.suffix.lower() not in kinds:
        raise UserError(f"{path}: exists and does not end in {' or '.join(kinds)}; name another file to write")
    if path.is_symlink() and (place.is_symlink() or not place.parent.is_dir()):
        raise UserError(f"{path}: is a link that leads nowhere; name another file to write")
    if path.is_file() and not _may_be_ours(path):
        raise UserError(f"{path}: holds something else than results; name another file to write")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def claim_figure(path: Path, data: DataConfig) -> None:
    """Make sure that a figure about a data set may be written, as :func:`claim` does; a photograph is no figure.

    Raises:
        UserError: see :func:`claim`, or there is a picture that is no figure of ours.
    """
    from uhd.evaluation.figure import check_figure

    claim(path, FIGURES, data=data)
    check_figure(path)


def _may_be_ours(path: Path) -> bool:
    """Return whether a file to replace can be an earlier result: JSON that is no data set, a table of detections, a
    model or a picture that is not text.
    """
    suffix = path.suffix.lower()
    with path.open("rb") as file:
        head = file.read(_HEAD).removeprefix(b"\xef\xbb\xbf").lstrip()
    if suffix in JSON:
        return not head or (head[:1] in b"{[" and _OF_DATA.match(head) is None)
    if suffix in _BINARY:
        return not head or _CONTROL.search(head) is not None
    return suffix != ".csv" or not head or head.startswith(b"image,")


def write_image(path: Path, image: NDArray[np.uint8]) -> None:
    """Write an RGB image (H, W, 3) in the format that the suffix names, whole or not at all.

    Raises:
        UserError: no such format, or the file cannot be written.
    """
    import cv2

    try:
        done, data = cv2.imencode(path.suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    except cv2.error:
        done = False
    if not done:
        raise UserError(f"{path}: not an image format that can be written; name a .png or .jpg")
    # Not cv2.imwrite: it neither says why it failed nor survives a file name that is not UTF-8.
    save_bytes_soon(path, data.tobytes())


def claim_json(path: Path | None, inputs: Iterable[Path] = (), data: DataConfig | None = None) -> None:
    """Make sure that the file of ``--json`` may be written; None and ``-`` (standard output) always may."""
    if path is not None and str(path) != "-":
        claim(path, JSON, inputs, data)


def say_beside(path: Path | None, text: str) -> None:
    """Print a line for people: to standard error where the JSON goes to standard output."""
    print(text, file=sys.stderr if str(path) == "-" else sys.stdout)


def write_json(path: Path | None, table: Any) -> None:
    """Write plain values as JSON to a file, whole or not at all; ``-`` is standard output, None nothing."""
    if path is None:
        return
    text = json_text(table)
    if str(path) == "-":
        print(text)
    else:
        save_atomic(path, lambda temporary: temporary.write_text(text + "\n", encoding="utf-8"))

"""The task that a model file names in its card, read without the framework that runs it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

DETECT = "detect"
# Of a ModelProto: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
_METADATA_PROPS, _KEY, _VALUE = 14, 1, 2
_LARGEST_HEADER = 100_000_000


def task_of(path: Path) -> str:
    """Return the task of a model file; ``detect`` where it names none, cannot be read or is of another suffix.

    What is wrong with an unreadable file is said by what opens it.
    """
    read = {".onnx": _onnx, ".safetensors": _safetensors}.get(path.suffix.lower())
    if read is None:
        return DETECT
    with path.open("rb") as file:
        try:
            return read(file, path.stat().st_size) or DETECT
        except (ValueError, AttributeError, TypeError):
            return DETECT


def _safetensors(file: BinaryIO, size: int) -> str:
    length = int.from_bytes(file.read(8), "little")
    if length > min(size, _LARGEST_HEADER):
        return ""
    text = json.loads(file.read(length)).get("__metadata__", {}).get("task", '""')
    return str(json.loads(text))


def _onnx(file: BinaryIO, size: int) -> str:
    for number, length in _fields(file, size):
        if number != _METADATA_PROPS:
            file.seek(length, 1)
            continue
        end = file.tell() + length
        entry = {each: file.read(count) for each, count in _fields(file, end)}
        if entry.get(_KEY) == b"task":
            return entry.get(_VALUE, b"").decode()
    return ""


def _fields(file: BinaryIO, end: int) -> Iterator[tuple[int, int]]:
    """Yield number and length of the fields that hold bytes; the caller reads or skips them."""
    while file.tell() < end:
        key = _varint(file)
        if key & 7 == 0:
            _varint(file)
        elif key & 7 == 2:
            yield key >> 3, _varint(file)
        else:
            raise ValueError(f"a field of wire type {key & 7} is not part of an ONNX model")


def _varint(file: BinaryIO) -> int:
    value = shift = 0
    while True:
        byte = file.read(1)
        if not byte or shift > 63:
            raise ValueError("the file ends in a number")
        value |= (byte[0] & 127) << shift
        if byte[0] < 128:
            return value
        shift += 7

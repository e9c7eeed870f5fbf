"""What a YOLO ``data.yaml`` says beside its paths: names of classes, form of keypoints."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import Any

import yaml

from uhd.errors import UserError

_MARKS = ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"), (codecs.BOM_UTF8, "utf-8-sig"))


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the content of a data.yaml, in UTF-8, in what its byte order mark says, or else in Latin-1.

    Raises:
        UserError: it cannot be read, or is no table.
    """
    try:
        content = yaml.safe_load(_decoded(path.read_bytes()))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"{path}: cannot be read as YAML ({' '.join(str(error).split())})") from None
    if not isinstance(content, dict):
        raise UserError(f"{path}: needs a key 'train' with a folder or list of images")
    return content


def yaml_names(path: Path) -> tuple[str, ...]:
    """Return the class names that a data.yaml gives, by number; () where it gives none.

    Raises:
        UserError: not YAML, or ``names`` of another form.
    """
    return names_in(read_yaml(path), path)


def names_in(content: dict[str, Any], where: Path) -> tuple[str, ...]:
    """Return the class names by number that a data.yaml's content gives: a list, ``number: name``, or one name.

    Raises:
        UserError: ``names`` has another form.
    """
    value = content.get("names")
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list):
        return _plain_names(value, where)
    if isinstance(value, dict):
        by_number = {int(key): str(name) for key, name in value.items() if str(key).isdecimal()}
        if len(by_number) == len(value):
            _plain_names(list(value.values()), where)
            return tuple(by_number.get(number, str(number)) for number in range(max(by_number, default=-1) + 1))
    raise UserError(f"{where}: 'names' must be a list of names, or number: name")


def _plain_names(values: list[Any], where: Path) -> tuple[str, ...]:
    """Return names as texts; YAML reads ``yes`` and ``no`` as truth values, and ``0: person`` in a list as a table.

    Raises:
        UserError: one is no name, or there twice.
    """
    for value in values:
        if isinstance(value, bool):
            raise UserError(f"{where}: 'names' holds yes, no, on, off, true or false: put it in quotes, such as 'yes'")
        if not isinstance(value, str | int | float):
            raise UserError(f"{where}: 'names' holds {value!r}, not a name: write names: [person, car]")
    names = tuple(map(str, values))
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UserError(f"{where}: 'names' holds {twice!r} twice: give each class a name of its own")
    return names


def count_contradiction(content: dict[str, Any], names: tuple[str, ...], where: Path) -> str:
    """Return the line that says that ``nc`` and ``names`` count differently, "" where they do not."""
    count = content.get("nc")
    if names and isinstance(count, int) and count != len(names):
        return f"{where}: nc is {count}, but names has {len(names)}: names is taken"
    return ""


def keypoint_shape(content: dict[str, Any], where: Path) -> tuple[int, int] | None:
    """Return ``kpt_shape``: how many keypoints, and numbers of each; None where there is none.

    Raises:
        UserError: it has another form.
    """
    value = content.get("kpt_shape")
    if value is None:
        return None
    if isinstance(value, list) and len(value) == 2 and all(isinstance(n, int) for n in value) and value[1] in (2, 3):
        return int(value[0]), int(value[1])
    raise UserError(f"{where}: 'kpt_shape' must be [number of keypoints, 2 or 3], not {value!r}")


def _decoded(data: bytes) -> str:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:  # an editor of another code page; what matters here is ASCII
        return data.decode("latin-1")

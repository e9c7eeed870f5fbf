"""Which classes are wanted: numbers, or the names that the data set gives them."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from uhd.data.config import DataConfig
from uhd.data.data_yaml import yaml_names
from uhd.data.formats import annotation_format
from uhd.data.formats.coco import category_names
from uhd.data.parts import part_annotations
from uhd.errors import UserError, nearest

_LISTS = ("classes.txt", "obj.names", "_darknet.labels")
_SHOWN = 3


def named_classes(config: DataConfig) -> DataConfig:
    """Return the configuration with numbers in place of the names in ``classes``; the one name ``all`` is every class.

    Raises:
        UserError: a name is unknown, or the data set gives no names.
    """
    names = tuple(str(name) for name in config.classes)
    if all(isinstance(entry, int) for entry in config.classes):
        return config
    known = known_names(config)
    if not known:
        where = config.image_dir or config.train_list
        raise UserError(f"--classes {','.join(names)}: {where} gives its classes no names: use numbers")
    if names == ("all",) and "all" not in known:
        every = tuple(range(len(known)))
        return dataclasses.replace(config, classes=every, class_names=config.class_names or tuple(known))
    number = {name.casefold(): i for i, name in reversed(list(enumerate(known)))}
    for name in names:
        if name.casefold() not in number:
            raise UserError(
                f"--classes {name}: not a class of {config.image_dir or config.train_list}{nearest(name, known)}: "
                f"it has {', '.join(known[:20])}"
            )
    numbers = tuple(number[name.casefold()] for name in names)
    return dataclasses.replace(config, classes=numbers, class_names=config.class_names or names)


def known_names(config: DataConfig) -> tuple[str, ...]:
    """Return the class names by number that the data set gives, () where it gives none."""
    source = config.train_list if config.train_list is not None else config.image_dir
    if source is None:
        return ()
    found = annotation_format(source)
    if source.is_file() and found is not None:
        return found.names(source)
    if source.suffix.lower() in {".yaml", ".yml"}:
        return yaml_names(source)
    folder = source if source.is_dir() else source.parent
    for name in ("data.yaml", "data.yml"):
        if (folder / name).is_file():
            return yaml_names(folder / name)
    for path in part_annotations(folder).get("train", ())[:1] if source.is_dir() else ():
        return category_names(path)
    return next((_read_list(folder / name) for name in _LISTS if (folder / name).is_file()), ())


def class_names(config: DataConfig, known: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the wanted classes.

    Args:
        config: wanted classes, and their names where they are given.
        known: names by number that the data set gives.

    Raises:
        UserError: names and classes do not fit.
    """
    if config.class_names and len(config.class_names) != len(config.classes):
        raise UserError(f"--class-names has {len(config.class_names)} names for {len(config.classes)} --classes")
    if known and max(config.classes) >= len(known):
        wanted = ",".join(map(str, config.classes))
        raise UserError(
            f"--classes {wanted}: {config.image_dir} names only {', '.join(f'{i} {n}' for i, n in enumerate(known))}; "
            "give --classes with those to find (a checkpoint brings its own classes when none are given)"
        )
    if config.class_names:
        return config.class_names
    if known:
        return tuple(known[number] for number in config.classes)
    return ("person",) if config.classes == (0,) else tuple(map(str, config.classes))


def left_out(wanted: Sequence[int], passed_over: Mapping[int, int], known: Sequence[str]) -> str:
    """Return the line that says which classes of the data set are not used, "" where all are.

    Example:
        >>> left_out((0,), {1: 57}, ("car", "person"))
        "class 0 'car' only; 1 'person' (57 boxes) is left out: --classes 0,1"
    """
    others = Counter(passed_over).most_common()
    if not others:
        return ""

    def say(number: int) -> str:
        return f"{number} {known[number]!r}" if number < len(known) else str(number)

    shown = ", ".join(f"{say(number)} ({count} boxes)" for number, count in others[:_SHOWN])
    more = f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
    every = ",".join(map(str, [*wanted, *(number for number, _ in others)][:8]))
    return (
        f"class {', '.join(map(say, wanted))} only; {shown}{more} {'is' if len(others) == 1 else 'are'} left out: "
        f"--classes {every}"
    )


def _read_list(path: Path) -> tuple[str, ...]:
    lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    return tuple(line.strip() for line in lines if line.strip())

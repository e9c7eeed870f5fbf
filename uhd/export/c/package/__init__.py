"""Exported C as a folder that a build system of microcontrollers takes as a library."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from uhd.card import ModelSpec
from uhd.errors import UserError
from uhd.export.c.emit import Files
from uhd.export.c.package.arduino import arduino
from uhd.export.c.package.esp_idf import esp_idf
from uhd.export.c.package.facts import Facts
from uhd.export.c.package.platformio import platformio
from uhd.export.c.package.readme import readme

__all__ = ["KINDS", "check_folder", "write_package"]

# What a kind of package has beside src/, README.md: texts by path.
KINDS: Mapping[str, Callable[[Facts], dict[str, str]]] = {
    "esp-idf": esp_idf,
    "arduino": arduino,
    "platformio": platformio,
}


def check_folder(folder: Path) -> None:
    """Refuse a place that holds something: nobody's sketch is replaced.

    Raises:
        UserError: a file, or a folder with something in it.
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder}: is a file; name a folder to write the package into")
    if folder.exists() and any(folder.iterdir()):
        raise UserError(f"{folder}: is not empty; name a new folder, or remove this one")


def write_package(
    kind: str, folder: Path, prefix: str, spec: ModelSpec, numbers: str, write: Callable[[Path], Files]
) -> tuple[Files, tuple[Path, ...]]:
    """Write a package; the folder appears with everything in it or not at all.

    Args:
        kind: one of :data:`KINDS`.
        folder: new or empty.
        prefix: of every public name, also the name of header and source.
        spec: of the model.
        numbers: ``int8`` or ``float32``.
        write: writes the ``.c`` it is given, with its header.

    Returns:
        The exported C, and the files of the package, its source first.

    Raises:
        UserError: the folder cannot be written.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        place = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".tmp", dir=folder.parent))
    except OSError as error:
        raise UserError(f"{folder}: could not be written: {error.strerror or error}") from None
    try:
        source = place / "src" / f"{prefix}.c"
        files = write(source)
        texts = _texts(kind, Facts(prefix, spec, files, _version(spec.version), numbers))
        for name, text in texts.items():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_text(text, encoding="utf-8")
        place.chmod(0o755)
        if folder.exists():
            folder.rmdir()
        place.rename(folder)
    except OSError as error:
        raise UserError(f"{folder}: could not be written: {error.strerror or error}") from None
    finally:
        shutil.rmtree(place, ignore_errors=True)
    names = [f"src/{prefix}.c", f"src/{prefix}.h", *texts]
    return files, tuple(folder / name for name in names)


def _texts(kind: str, facts: Facts) -> dict[str, str]:
    return {"README.md": readme(kind, facts), **KINDS[kind](facts)}


def _version(text: str) -> str:
    """Return a version that every package manager reads: most models have their digest instead."""
    return text if re.fullmatch(r"\d+\.\d+\.\d+", text) else "1.0.0"

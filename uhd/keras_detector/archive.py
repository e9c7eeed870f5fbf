"""The zip that a ``.keras`` file is: what this package says of a model lies in its ``metadata.json``.

Keras writes that member and never reads it, so a file with more in it opens everywhere.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

METADATA, CONFIG = "metadata.json", "config.json"
_OURS = "uhd"


def write_told(path: Path, told: dict[str, Any]) -> None:
    """Add what this package says of a model to the ``.keras`` file that Keras has just written.

    Loss and optimiser of a compiled model are left out of its configuration: they are nobody's but this package's, and
    Keras opens no file that names them.

    Args:
        path: the file; rewritten.
        told: plain values.
    """
    with zipfile.ZipFile(path) as file:
        members = {name: file.read(name) for name in file.namelist()}
    members[METADATA] = json.dumps({**json.loads(members[METADATA]), _OURS: told}).encode()
    members[CONFIG] = json.dumps({**json.loads(members[CONFIG]), "compile_config": None}).encode()
    with zipfile.ZipFile(path, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)


def read_told(path: Path) -> dict[str, Any]:
    """Return what this package says of a model in a ``.keras`` file; empty where it says nothing.

    Raises:
        zipfile.BadZipFile, KeyError, ValueError: not such a file.
    """
    with zipfile.ZipFile(path) as file:
        told: dict[str, Any] = json.loads(file.read(METADATA)).get(_OURS, {})
    return told

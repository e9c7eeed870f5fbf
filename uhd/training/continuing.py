"""What a resumed run takes from its checkpoint: everything the user did not type."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, TypeVar

from uhd.config import from_plain

T = TypeVar("T")


def continued(config: T, key: str, state: Mapping[str, Any], typed: Collection[str], where: Path) -> T:
    """Return the configuration of the run that the checkpoint belongs to, with the user's own values on top.

    Args:
        config: resolved from flags, file and preset.
        key: under which the checkpoint keeps this configuration, e.g. ``train_config``.
        state: the checkpoint; one of the original has no such key, and ``config`` is returned as it is.
        typed: fields that the user gave.
        where: the checkpoint, named in errors.

    Raises:
        UserError: the checkpoint's configuration is not of this version.
    """
    saved = state.get(key)
    if not isinstance(saved, Mapping):
        return config
    names = {field.name for field in dataclasses.fields(config)}  # type: ignore[arg-type]
    base = from_plain(type(config), {name: value for name, value in saved.items() if name in names}, str(where))
    chosen = {name: getattr(config, name) for name in names if name in typed}
    return dataclasses.replace(base, **chosen)  # type: ignore[type-var]

"""``settings.yaml`` of a run folder: what a command needs to do the run again."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import yaml

from uhd.config import flag_of, knob_of, to_plain
from uhd.files import save_atomic

SETTINGS = "settings.yaml"


def write_settings_file(folder: Path, command: str, configs: Iterable[Any], leave_out: Collection[str]) -> Path:
    """Write ``settings.yaml`` into a run folder.

    Args:
        folder: of the run.
        command: that reads the file with ``--config``.
        configs: all configurations of the run.
        leave_out: fields that are no part of what is repeated.
    """
    table: dict[str, Any] = {}
    for config in configs:
        plain = to_plain(config)
        for each in dataclasses.fields(config):
            if not knob_of(each).hidden and not knob_of(each).ineffective and each.name not in leave_out:
                table.setdefault(flag_of(each).replace("-", "_"), plain[each.name])
    path = folder / SETTINGS
    text = f"# {command} --config {SETTINGS}\n" + yaml.safe_dump(table, sort_keys=False, default_flow_style=None)
    save_atomic(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))
    return path

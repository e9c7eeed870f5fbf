"""A run that starts from weights keeps the split that they were trained with."""

from __future__ import annotations

from pathlib import Path

import yaml

from tests.training.test_resume_exactly import arguments, photos
from uhd.cli import main

__all__ = ["photos"]


def split_of(folder: Path) -> tuple[str, int, float]:
    table = yaml.safe_load((folder / "settings.yaml").read_text())
    return table["split_by"], table["split_seed"], table["val_split"]


def test_on_the_same_data(photos: Path, tmp_path: Path) -> None:
    flat = photos / "train"  # no parts
    drawn = ["--split-by", "shuffle", "--split-seed", "7", "--val-split", "0.2"]
    assert main([*arguments(flat, tmp_path, 1), *drawn]) == 0
    first = tmp_path / "a"
    start = ["--ckpt", str(first / "best.safetensors")]
    for name, data, more, wanted in (
        ("same", flat, [], ("shuffle", 7, 0.2)),
        ("typed", flat, ["--split-by", "name"], ("name", 7, 0.2)),
        ("other", photos / "val", [], ("name", 42, 0.2)),
    ):
        command = [word for word in arguments(data, tmp_path, 1) if word not in ("--exp-name", "a")]
        assert main([*command, "--exp-name", name, *start, *more]) == 0
        assert split_of(tmp_path / name) == wanted

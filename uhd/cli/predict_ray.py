"""The part of ``uhd predict`` that searches images on a Ray cluster."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from uhd.cli.flags import warn
from uhd.cli.predict_config import PredictConfig, detect
from uhd.cli.predict_detector import load_detector
from uhd.cli.shard_file import JSON_LINES, PARQUET, require_parquet, write_shard
from uhd.cluster import run_shards, shards_of
from uhd.errors import UserError
from uhd.files import save_text
from uhd.read import UnreadableImage, read_image

LIST = "images.txt"


class ShardDetector:
    """Searches the images of a shard and writes a row for each, the file whole or not at all.

    Args:
        config: of ``uhd predict``.
    """

    def __init__(self, config: PredictConfig) -> None:
        self._config, self._detector = config, load_detector(config)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Search a shard; returns its number, and how many images, detections and failures it has."""
        rows: list[dict[str, Any]] = []
        found = failed = 0
        for path in map(str, row["items"]):
            try:
                seen = detect(self._detector, read_image(Path(path)), self._config)
            except UnreadableImage as error:
                rows.append({"image": path, "error": str(error)})
                failed += 1
                continue
            rows.append(seen.to_dict(image=path))
            found += len(seen)
        write_shard(place_of(self._config, int(row["shard"])), rows)
        return {"shard": row["shard"], "images": len(rows), "detections": found, "failed": failed}


def place_of(config: PredictConfig, shard: int) -> Path:
    """Return the file of a shard."""
    return config.output / f"part-{shard:06d}{PARQUET if config.parquet else JSON_LINES}"


def predict_on_ray(images: Sequence[Path], config: PredictConfig) -> int:
    """Search images in shards of ``--shard-size``; those whose file is there are passed over. Returns the exit code.

    Raises:
        UserError: the folder holds the shards of other images, or Parquet cannot be written.
    """
    if config.parquet:
        require_parquet()
    address = config.ray
    assert address is not None
    folder = config.output.absolute()
    names = [str(path.absolute()) for path in images]
    text = "".join(f"{name}\n" for name in [f"# --shard-size {config.shard_size}", *names])
    listed = folder / LIST
    if listed.exists() and listed.read_text(encoding="utf-8", errors="surrogateescape") != text:
        raise UserError(f"{listed}: the shards here are of other images; give another --output")
    save_text(listed, text)
    config = dataclasses.replace(config, output=folder)
    shards = list(enumerate(shards_of(names, config.shard_size)))
    waiting = [(number, items) for number, items in shards if not place_of(config, number).is_file()]
    counts = {"images": 0, "detections": 0, "failed": 0}
    for done in run_shards(waiting, ShardDetector, [config], address, config.ray_workers) if waiting else ():
        counts = {key: value + int(done[key]) for key, value in counts.items()}
    print(
        f"{len(shards)} shards, {len(shards) - len(waiting)} done before; now {counts['images']} images, "
        f"{counts['detections']} detections -> {place_of(config, 0).with_stem('part-*')}"
    )
    if counts["failed"]:
        warn(f"skipped: {counts['failed']} images could not be read; their lines say why")
    return 2 if counts["failed"] and config.strict else 0

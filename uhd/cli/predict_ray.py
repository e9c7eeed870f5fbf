"""The part of ``uhd predict`` that searches images on a Ray cluster."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from uhd.cli.flags import warn
from uhd.cli.predict_config import PredictConfig, detect
from uhd.cli.predict_detector import load_detector
from uhd.cluster import run_shards, shards_of
from uhd.errors import UserError
from uhd.files import save_text
from uhd.read import UnreadableImage, read_image

LIST = "images.txt"


class ShardDetector:
    """Searches the images of a shard and writes one JSON line for each, whole or not at all.

    Args:
        config: of ``uhd predict``.
    """

    def __init__(self, config: PredictConfig) -> None:
        self._config, self._detector = config, load_detector(config)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Search a shard; returns its number, and how many images, detections and failures it has."""
        lines, found, failed = [], 0, 0
        for path in map(str, row["items"]):
            try:
                seen = detect(self._detector, read_image(Path(path)), self._config)
            except UnreadableImage as error:
                lines.append(json.dumps({"image": path, "error": str(error)}))
                failed += 1
                continue
            lines.append(seen.to_json(image=path))
            found += len(seen)
        save_text(place_of(self._config.output, int(row["shard"])), "".join(f"{line}\n" for line in lines))
        return {"shard": row["shard"], "images": len(lines), "detections": found, "failed": failed}


def place_of(folder: Path, shard: int) -> Path:
    """Return the file of a shard."""
    return folder / f"part-{shard:06d}.jsonl"


def predict_on_ray(images: Sequence[Path], config: PredictConfig) -> int:
    """Search images in shards of ``--shard-size``; those whose file is there are passed over. Returns the exit code.

    Raises:
        UserError: the folder holds the shards of other images.
    """
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
    waiting = [(number, items) for number, items in shards if not place_of(folder, number).is_file()]
    counts = {"images": 0, "detections": 0, "failed": 0}
    for done in run_shards(waiting, ShardDetector, [config], address, config.ray_workers) if waiting else ():
        counts = {key: value + int(done[key]) for key, value in counts.items()}
    print(
        f"{len(shards)} shards, {len(shards) - len(waiting)} done before; now {counts['images']} images, "
        f"{counts['detections']} detections -> {folder}/part-*.jsonl"
    )
    if counts["failed"]:
        warn(f"skipped: {counts['failed']} images could not be read; their lines say why")
    return 2 if counts["failed"] and config.strict else 0

"""Checkpoints of a run: their names, which are kept, and which one a run continues from."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
from pathlib import Path
from typing import Any

import torch

from uhd.errors import UserError
from uhd.files import save_atomic
from uhd.models.weights import read_checkpoint, save_weights

KINDS = ("last", "best")
HISTORY = "metrics.csv"


def write_checkpoint(
    folder: Path, kind: str, tag: str, epoch: int, state: dict[str, Any], weights: dict[str, Any], meta: dict[str, Any]
) -> Path:
    """Write ``KIND_TAG_EPOCH.pt`` with its ``.safetensors``, and give both the stable names ``KIND.*`` beside them.

    Args:
        folder: run folder.
        kind: ``last`` or ``best``.
        tag: of the model, and of the score, e.g. ``utod``.
        epoch: finished epochs.
        state: everything that resuming needs.
        weights: what is shipped.
        meta: metadata of the weights.
    """
    score = f"_{meta['score']}" if "score" in meta else ""
    path = folder / f"{kind}_{tag}_{epoch:04d}{score}.pt"
    save_checkpoint(path, state)
    save_weights(path.with_suffix(".safetensors"), weights, {k: v for k, v in meta.items() if k != "score"})
    for each in (path, path.with_suffix(".safetensors")):
        name_again(each, folder / f"{kind}{each.suffix}")
    return path


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Save a dict of tensors and plain values (see :func:`uhd.files.save_atomic`)."""
    # Through memory: torch's own writer does not say that the disk is full.
    content = io.BytesIO()
    torch.save(_contiguous(state), content)
    save_atomic(path, lambda temporary: temporary.write_bytes(content.getbuffer()))


def _contiguous(value: Any) -> Any:
    """Return a tree of dicts and lists with its tensors in the usual order of memory, which every reader expects."""
    if isinstance(value, dict):
        return {key: _contiguous(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_contiguous(each) for each in value)
    return value.contiguous() if torch.is_tensor(value) else value


def name_again(path: Path, stable: Path) -> None:
    """Give a file a second name, at once: a hard link, or a copy where the file system has none."""

    def link(temporary: Path) -> None:
        try:
            os.link(path, temporary)
        except OSError:
            shutil.copyfile(path, temporary)

    save_atomic(stable, link)


def newest_last(folder: Path) -> Path:
    """Return the newest ``last_*.pt`` of a run folder that can be read, or else ``last.pt``.

    Raises:
        UserError: there is none.
    """
    found = [*sorted(folder.glob("last_*.pt"), key=epoch_of, reverse=True), *folder.glob("last.pt")]
    for path in found:
        with contextlib.suppress(UserError):
            read_checkpoint(path)
            return path
    damaged = f"; {len(found)} are there, and none can be read" if found else ""
    raise UserError(f"{folder}: no last_*.pt to resume{damaged}")


def holds_run(folder: Path) -> bool:
    """Whether a folder holds what a run leaves: checkpoints, weights under their stable names, or a history."""
    names = [f"{kind}{rest}" for kind in KINDS for rest in ("_*.pt", ".pt", ".safetensors")]
    return any(any(folder.glob(name)) for name in (*names, HISTORY))


def newest_best(folder: Path, upto: int) -> Path | None:
    """Return the newest ``best_*.pt`` of a folder that is of no later epoch, None where there is none."""
    found = [path for path in folder.glob("best_*.pt") if epoch_of(path) <= upto]
    return max(found, key=epoch_of, default=None)


def later_files(folder: Path, epoch: int) -> list[Path]:
    """Return the numbered checkpoints of a folder, with what lies beside them, that are of later epochs."""
    return sorted(path for kind in KINDS for path in folder.glob(f"{kind}_*") if epoch_of(path) > epoch)


def prune(folder: Path, pattern: str, keep: int) -> None:
    """Delete all but the ``keep`` newest checkpoints that match, with what lies beside them."""
    for path in sorted(folder.glob(pattern), key=epoch_of, reverse=True)[keep:]:
        path.unlink(missing_ok=True)
        path.with_suffix(".safetensors").unlink(missing_ok=True)


def epoch_of(path: Path) -> int:
    """Return the finished epochs that the name of a checkpoint tells, -1 where it tells none."""
    match = re.search(r"_(\d{4,})", path.stem)
    return int(match.group(1)) if match else -1

"""``uhd prune``: a narrower network of a trained one, trained on with that one as its teacher."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from uhd.cli.flags import Resolved
from uhd.cli.output import claim_json, write_json
from uhd.cli.train import flags_of, settings_of
from uhd.compress.prune_config import PruneConfig
from uhd.config.groups import JsonFile
from uhd.errors import UserError
from uhd.losses.distillation.config import DistillConfig
from uhd.training.config import TrainConfig


@dataclass(frozen=True)
class PruneOutput(JsonFile):
    """Where the figures go."""


def main(argv: Sequence[str]) -> int:
    """Prune and train; returns the exit code."""
    flags = flags_of("uhd prune", "prune", (PruneConfig, PruneOutput), "trained model, .safetensors, .pt or run folder")
    flags.parser.description = "Remove channels of a trained detector, then train it on with the whole one as teacher."
    resolved = _with_teacher(flags.resolve(argv))
    output = resolved[PruneOutput]
    claim_json(output.json)

    import cv2

    from uhd.detect.prune import run_pruning
    from uhd.training.trainer import Interrupted

    settings = settings_of(resolved)
    cv2.setNumThreads(0)
    try:
        _, summary = run_pruning(settings)
    except Interrupted:
        return 130
    write_json(output.json, summary)
    return 0


def _with_teacher(resolved: Resolved) -> Resolved:
    """Return the settings with the unpruned model as teacher, where no other is named.

    Raises:
        UserError: no model or no target is given.
    """
    train, distill = resolved[TrainConfig], resolved[DistillConfig]
    if train.resume is not None:
        _check_resumed(train.resume)
        return resolved
    resolved[PruneConfig].check()
    if train.ckpt is None:
        raise UserError("uhd prune needs a model and data: uhd prune MODEL.safetensors FOLDER --macs 0.5")
    if distill.active:
        return resolved
    from uhd.detect.starting import start_file

    return resolved.replace(dataclasses.replace(distill, teacher_ckpt=start_file(train.ckpt)))


def _check_resumed(resume: Path) -> None:
    """Refuse a run that prunes nothing.

    Raises:
        UserError: the checkpoint is that of another command.
    """
    from uhd.models.weights import read_checkpoint
    from uhd.training.folder import find_last

    last = find_last(resume)
    if last is not None and "prune_config" not in read_checkpoint(last):
        raise UserError(f"{last}: is no run of uhd prune; continue it with uhd train --resume {resume}")

"""What files of the original leave unsaid: the names of before December 2025, and how raw outputs are scored."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from uhd.errors import UserError
from uhd.heads import SCORE_MODES
from uhd.runtime.outputs import ROWS
from uhd.runtime.raw_output import fields_of, is_raw

_OLD_NAMES = ("detections", "pred")
# Both stand in the names of nodes, and of weights, of every network whose quality is trained to be the overlap.
_IOU_AWARE = (b"quality_tower", b"box_tower")


def present_names(outputs: Sequence[str], content: bytes) -> list[str]:
    """Return the names that outputs have since 14 December 2025, in their order.

    Args:
        outputs: of the file; other names stay.
        content: of the file, whose nodes tell the branches of ``pred``.
    """
    raw = f"txtywh_obj{'_quality' * (b'quality_out' in content)}_cls_x8"
    return [{"detections": ROWS, "pred": raw}.get(name, name) for name in outputs]


def has_old_names(outputs: Sequence[str]) -> bool:
    """Return whether a file names its outputs as before 14 December 2025."""
    return any(name in _OLD_NAMES for name in outputs)


def network_score(outputs: Sequence[str], content: bytes) -> str | None:
    """Return the score mode of a network whose file does not say it, or None where the branches tell it.

    The original trains an IoU-aware head to be scored quality x class, with towers for quality and box. Its first
    version wrote the objectness too, and ``decode_score`` names it.

    Args:
        outputs: by their present names.
        content: of the file.
    """
    fields = fields_of(outputs)
    if "quality" not in fields or not all(name in content for name in _IOU_AWARE):
        return None
    return "quality_cls" if "cls" in fields else "quality"


def reading(
    outputs: Sequence[str], said: dict[str, str], given: dict[str, str], source: Path | bytes, where: str
) -> dict[str, str]:
    """Return the metadata with how raw outputs are read: as given, else as the file says, else as its network says.

    Args:
        outputs: by their present names.
        said: metadata of the file.
        given: ``score_mode`` and ``quality_power`` that somebody asks for.
        source: the file or its content.
        where: the file, named in errors.

    Raises:
        UserError: a score is asked for that is unknown, or that the file computes itself.
    """
    if given and not is_raw(outputs):
        flags = " and ".join(f"--{name.replace('_', '-')}" for name in given)
        raise UserError(f"{where}: computes its scores itself; leave out {flags}")
    if (mode := given.get("score_mode", SCORE_MODES[0])) not in SCORE_MODES:
        raise UserError(f"--score-mode {mode}: not one of {', '.join(SCORE_MODES)}")
    table = {**said, **given}
    if is_raw(outputs) and not table.get("score_mode"):
        content = source if isinstance(source, bytes) else source.read_bytes()
        if trained := network_score(outputs, content):
            table["score_mode"] = trained
    return table

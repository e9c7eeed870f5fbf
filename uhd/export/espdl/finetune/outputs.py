"""Which outputs of a graph its fine-tuning uses, and the raw map that loss and score read from them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import torch
from torch import Tensor

from uhd.errors import UserError
from uhd.export.espdl.finetune.config import FinetuneConfig
from uhd.heads import HeadLayout
from uhd.runtime.raw_output import PARTS, fields_of, joined_map


def wanted_outputs(names: list[str], config: FinetuneConfig, typed: Collection[str] = ()) -> list[str]:
    """Return the outputs that loss and score use: separate maps, or the one that joins them.

    Raises:
        UserError: not the raw outputs of a detector, or one that is asked for is missing or cannot be left out.
    """
    joined = joined_map(names)
    if joined is None and "box" not in names:
        raise UserError(
            f"outputs {', '.join(names)}: fine-tuning needs raw maps; export with --no-merge-postprocess, or give the "
            ".safetensors or .pt file"
        )
    fields = fields_of(names)
    if "use_quality" in typed and config.use_quality and "quality" not in fields:
        raise UserError("--use-quality: the model has no quality output")
    off = {part for part, is_off in (("quality", not config.use_quality), ("cls", config.disable_cls)) if is_off}
    if joined is None:
        return [name for name in names if name in PARTS and name not in off]
    if off & fields:
        flags = {"quality": "--no-quality", "cls": "--disable-cls"}
        raise UserError(f"{' and '.join(flags[part] for part in sorted(off & fields))}: {joined} is one map, of which "
                        "nothing can be left out; export with --noconcat-box-obj-quality-cls")  # fmt: skip
    return [joined]


def score_metadata(
    table: Mapping[str, str], outputs: list[str], config: FinetuneConfig, typed: Collection[str] = ()
) -> dict[str, str]:
    """Return the metadata with the score that the flags, the file, or its outputs tell, in this order."""
    mode, parts = config.score_mode, fields_of(outputs)
    if "score_mode" not in typed:
        # What a flag leaves out is no part of the score, whatever the file says.
        fields = [part for part in (table.get("score_mode") or "").split("_") if part in parts]
        mode = "_".join(fields or [part for part in PARTS[1:] if part in parts])
    changed = {**table, "score_mode": mode}
    if "quality_power" in typed or not table.get("quality_power"):
        changed["quality_power"] = str(config.quality_power)
    return changed


def raw_of(tensors: Mapping[str, Tensor], layout: HeadLayout) -> Tensor:
    """Return the raw map (B, A * no, h, w) with gradient; the twin of :func:`uhd.runtime.raw_output.raw_map`.

    Separate maps are interleaved, one that joins them is it already. What the graph lacks is 0 without gradient.
    """
    joined = joined_map(list(tensors))
    if joined is not None and "obj" in fields_of([joined]):
        return tensors[joined]
    parts = tensors if joined is None else _unscrambled(tensors[joined], fields_of([joined]), layout)
    b, _, h, w = parts["box"].shape
    maps = [
        parts[name].reshape(b, layout.num_anchors, channels, h, w)
        if name in parts
        else parts["box"].new_zeros(b, layout.num_anchors, channels, h, w)
        for name, channels in layout.fields.items()
    ]
    return torch.cat(maps, 2).flatten(1, 2)


def _unscrambled(data: Tensor, fields: Collection[str], layout: HeadLayout) -> dict[str, Tensor]:
    """Return the parts of ``txtywh_box_...`` (B, A * channels, h, w); its values stand anchor, row, column, channel."""
    b, channels, h, w = data.shape
    written = {name: count for name, count in layout.fields.items() if name == "box" or name in fields}
    maps = data.reshape(b, layout.num_anchors, h, w, channels // layout.num_anchors).movedim(-1, 2)
    parts = torch.split(maps, list(written.values()), 2)
    return {name: part.flatten(1, 2) for name, part in zip(written, parts, strict=True)}

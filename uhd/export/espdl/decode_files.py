"""What firmware needs to feed an ``.espdl`` and read its outputs: constants as a C header, and the same as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from uhd.card import ModelCard
from uhd.export.c.source import number, one_line
from uhd.export.espdl.tensors import ChipTensor
from uhd.files import save_atomic
from uhd.json_text import json_text

Array = NDArray[np.float32]


def chip_metadata(source: ChipTensor, outputs: Sequence[ChipTensor]) -> dict[str, str]:
    """Return what the metadata of the file say of its tensors, as text."""
    return {
        "input_layout": "NHWC",
        "input_range": f"int{source.bits}: {input_rule(source)}",
        "espdl_input": json.dumps({source.name: source.to_dict()}),
        "espdl_outputs": json.dumps({each.name: each.to_dict() for each in outputs}),
    }


def input_rule(source: ChipTensor) -> str:
    """Return how a byte p becomes an integer of the input."""
    low, high = source.limits
    return f"clamp(round(p * 2^{-source.exponent} / 255), {low}, {high})"


def write_decode_files(
    folder: Path,
    stem: str,
    card: ModelCard,
    constants: Mapping[str, Array],
    source: ChipTensor,
    outputs: Sequence[ChipTensor],
) -> list[Path]:
    """Write ``STEM_decode.h`` and ``STEM_decode.json``; returns their paths.

    Args:
        folder, stem: where, and the model's name.
        card: thresholds, classes, formulas.
        constants: ``anchors`` and ``wh_scale`` (A, 2), of a network that has them.
        source, outputs: from :func:`uhd.export.espdl.tensors.chip_tensors`.
    """
    anchors = constants["anchors"] * constants.get("wh_scale", np.float32(1)) if "anchors" in constants else None
    table = {
        "input": {source.name: source.to_dict() | {"resize_mode": card.resize_mode, "from_byte": input_rule(source)}},
        "outputs": {each.name: each.to_dict() for each in outputs},
        "value": "integer * 2^exponent",
        "boxes": card.extra.get("decode_bbox", ""),
        "anchors": None if anchors is None else [[float(side) for side in pair] for pair in anchors],
        "score": card.score,
        "conf_thresh": card.conf_thresh,
        "nms": card.suppression.kind,
        "nms_iou": card.nms_iou,
        "class_names": list(card.class_names),
    }
    texts = {
        f"{stem}_decode.h": _header(stem, card, anchors, source, outputs),
        f"{stem}_decode.json": json_text(table) + "\n",
    }
    for name, text in texts.items():
        save_atomic(folder / name, lambda place, text=text: place.write_text(text, encoding="utf-8"))  # type: ignore[misc]
    return [folder / name for name in texts]


def _header(
    stem: str, card: ModelCard, anchors: Array | None, source: ChipTensor, outputs: Sequence[ChipTensor]
) -> str:
    name = re.sub(r"\W", "_", stem, flags=re.ASCII)
    name = f"m{name}" if name[:1].isdigit() else name
    lines = [
        f"{source.name}: {card.resize_mode}, channels last; a byte p becomes {input_rule(source)}",
        *(f"{each.name}: channel {each.order or '?'}; value = integer * 2^exponent" for each in outputs),
        f"boxes, of cell (x, y) on a map of w x h: {card.extra.get('decode_bbox') or 'see the JSON file'}",
        *(
            ["anchor_w*wh_scale_w and anchor_h*wh_scale_h are the numbers of the table below"]
            if anchors is not None
            else []
        ),
        f"score: {card.score or 'see the metadata'}",
    ]
    values: dict[str, Any] = {**_sizes("INPUT", source), "INPUT_CHANNELS": source.shape[-1]}
    for each in outputs:
        prefix = re.sub(r"\W", "_", each.name, flags=re.ASCII).upper()
        values |= {**_sizes(prefix, each), f"{prefix}_CHANNELS": each.shape[-1]}
    values |= {
        "CLASSES": len(card.class_names),
        "CONF_THRESH": number(card.conf_thresh),
        "NMS_IOU": number(card.nms_iou),
    }
    text = ["/*", *(f" * {one_line(line)}" for line in lines), " */"]
    text += [f"#ifndef {name.upper()}_DECODE_H", f"#define {name.upper()}_DECODE_H", ""]
    text += [f"#define {name.upper()}_{key} {_constant(value)}" for key, value in values.items()]
    if anchors is not None:
        rows = ",\n".join(f"    {{{number(w)}, {number(h)}}}" for w, h in anchors)
        text += [
            f"#define {name.upper()}_ANCHORS {len(anchors)}", "",
            "/* Width and height times their scale, in shares of the image. */",
            f"static const float {name}_anchors[{name.upper()}_ANCHORS][2] = {{\n{rows}}};",
        ]  # fmt: skip
    return "\n".join([*text, "", "#endif", ""])


def _sizes(prefix: str, tensor: ChipTensor) -> dict[str, int]:
    sides = dict(zip(("HEIGHT", "WIDTH"), tensor.shape[1:3], strict=True)) if len(tensor.shape) == 4 else {}
    return {f"{prefix}_BITS": tensor.bits, f"{prefix}_EXPONENT": tensor.exponent} | {
        f"{prefix}_{side}": length for side, length in sides.items()
    }


def _constant(value: Any) -> str:
    return f"({value})" if isinstance(value, int) and value < 0 else str(value)

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
from uhd.heads import LtrbLayout
from uhd.json_text import json_text
from uhd.runtime.raw_output import ATTRIBUTES

Array = NDArray[np.float32]
_PER_ANCHOR = re.compile(r"a\*([A-Z])\+")  # an order whose number of channels for every anchor is a letter


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
        "boxes": _box_rule(card, outputs),
        "reg_max": _reg_max(outputs),
        "anchors": None if anchors is None else [[float(side) for side in pair] for pair in anchors],
        "channels_per_anchor": _per_anchor(outputs, anchors),
        "classes_of_channels": _classes_of_channels(card, outputs, anchors),
        "score": card.score,
        "conf_thresh": card.conf_thresh,
        "nms": card.suppression.kind,
        "nms_iou": card.nms_iou,
        "class_names": list(card.class_names),
        "class_labels": list(_labels(card)),
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
        *(f"{each.name}: channel {_order(each, name)}; value = integer * 2^exponent" for each in outputs),
        f"boxes, of cell (x, y) on a map of w x h: {_box_rule(card, outputs) or 'see the JSON file'}",
        *(
            ["anchor_w*wh_scale_w and anchor_h*wh_scale_h are the numbers of the table below"]
            if anchors is not None
            else []
        ),
        f"score: {card.score or 'see the metadata'}",
        *_lines_of_classes(card, outputs, anchors),
    ]
    values: dict[str, Any] = {**_sizes("INPUT", source), "INPUT_CHANNELS": source.shape[-1]}
    for each in outputs:
        prefix = _prefix(each)
        values |= {**_sizes(prefix, each), f"{prefix}_CHANNELS": each.shape[-1]}
        if each.name in (per_anchor := _per_anchor(outputs, anchors)):
            values[f"{prefix}_PER_ANCHOR"] = per_anchor[each.name]
        if each.name in ATTRIBUTES and each.name in (classes := _classes_of_channels(card, outputs, anchors)):
            values[f"{prefix}_FIRST_CLASS"] = classes[each.name][0]
    if (reg_max := _reg_max(outputs)) is not None:
        values["REG_MAX"] = reg_max
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


def _prefix(tensor: ChipTensor) -> str:
    return re.sub(r"\W", "_", tensor.name, flags=re.ASCII).upper()


def _order(tensor: ChipTensor, name: str) -> str:
    """Return what the channels are, with the constant that its letter stands for."""
    letter = _PER_ANCHOR.match(tensor.order)
    meant = f", {letter[1]} = {name.upper()}_{_prefix(tensor)}_PER_ANCHOR" if letter else ""
    return (tensor.order or "?") + meant


def _reg_max(outputs: Sequence[ChipTensor]) -> int | None:
    """Return the last bin of every distance; 0 where distances are plain, None without distances."""
    return next((each.shape[-1] // 4 - 1 for each in outputs if each.name == LtrbLayout.outputs[0]), None)


def _box_rule(card: ModelCard, outputs: Sequence[ChipTensor]) -> str:
    """Return the formula of the boxes; files of earlier versions left out how a distance is read."""
    reg_max = _reg_max(outputs)
    return card.extra.get("decode_bbox", "") if reg_max is None else LtrbLayout(reg_max).box_rule


def _per_anchor(outputs: Sequence[ChipTensor], anchors: Array | None) -> dict[str, int]:
    """Return the channels of every anchor, by output, where the order has a letter for them."""
    if anchors is None:
        return {}
    return {each.name: each.shape[-1] // len(anchors) for each in outputs if _PER_ANCHOR.match(each.order)}


def _classes_of_channels(card: ModelCard, outputs: Sequence[ChipTensor], anchors: Array | None) -> dict[str, list[int]]:
    """Return which class c or n of an output with classes is; attributes are the last classes of a model."""
    per_anchor, found = _per_anchor(outputs, anchors), dict[str, list[int]]()
    for each in outputs:
        count = per_anchor.get(each.name, each.shape[-1])
        if each.name in ("cls", "hm"):
            found[each.name] = list(range(count))
        elif each.name in ATTRIBUTES and count <= len(card.class_names):
            found[each.name] = list(range(len(card.class_names) - count, len(card.class_names)))
    return found


def _labels(card: ModelCard) -> tuple[int, ...]:
    """Return the numbers of the classes in label files; none where nobody said."""
    found = card.multi_label_det_classes + card.multi_label_attr_classes or card.classes
    return found if len(found) == len(card.class_names) else ()


def _lines_of_classes(card: ModelCard, outputs: Sequence[ChipTensor], anchors: Array | None) -> list[str]:
    """Return which class every channel stands for, where classes and attributes are outputs of their own."""
    table, labels = _classes_of_channels(card, outputs, anchors), _labels(card)
    if not table.keys() & set(ATTRIBUTES):
        return []
    names = dict(enumerate(card.class_names))
    lines = ["score of an attribute: the score without sigmoid(cls), times sigmoid of the attribute"]
    for name, classes in table.items():
        letter = "n" if name in ATTRIBUTES else "c"
        shown = (
            f"{letter} = {i} is class {number}, {names.get(number, 'without a name')}"
            + (f" ({labels[number]} in label files)" if labels else "")
            for i, number in enumerate(classes)
        )
        lines.append(f"{name}: {'; '.join(shown)}")
    return lines


def _sizes(prefix: str, tensor: ChipTensor) -> dict[str, int]:
    sides = dict(zip(("HEIGHT", "WIDTH"), tensor.shape[1:3], strict=True)) if len(tensor.shape) == 4 else {}
    return {f"{prefix}_BITS": tensor.bits, f"{prefix}_EXPONENT": tensor.exponent} | {
        f"{prefix}_{side}": length for side, length in sides.items()
    }


def _constant(value: Any) -> str:
    return f"({value})" if isinstance(value, int) and value < 0 else str(value)

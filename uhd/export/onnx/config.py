"""Settings of the ONNX export."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from dataclasses import dataclass

from uhd.compress.int8.config import Int8Config
from uhd.config import flag_of, knob, same_knob
from uhd.config.groups import Thresholds
from uhd.errors import UserError
from uhd.export.onnx.form import FORMS, ExportForm


def parse_batch(text: str) -> int | None:
    """Return the images per run, None for any number."""
    if text.lower() in ("dynamic", "n"):
        return None
    if not text.isdecimal():
        raise ValueError("is neither a number nor dynamic")
    if not int(text):
        raise ValueError("is no number of images; give 1 or more, or dynamic for any number")
    return int(text)


@dataclass(frozen=True)
class OnnxConfig(Int8Config):
    """Which form of ONNX is written."""

    opset: int = knob(17, "ONNX opset, 13 to 20")
    form: str | None = knob(
        None,
        "outputs by name, in place of the switches below; yolov8 and end2end are those that other programs decode",
        group="output",
        choices=(None, *FORMS),
    )
    topk: int | None = knob(
        None,
        "rows of the merged output (default: 100; of more than 512 predictions without --nms a quarter, at most 300)",
        minimum=1, group="output", original=100,
    )  # fmt: skip
    conf_thresh: float = same_knob(Thresholds, "conf_thresh", 0.0, help="scores below become 0", group="output")
    merge_postprocess: bool = knob(True, "decode in the graph: score_classid_cxcywh [1, K, 6]", group="output")
    noconcat_box_obj_quality_cls: bool = knob(
        False, "separate raw outputs, with --no-merge-postprocess", group="output"
    )
    all_branches: bool = knob(
        False,
        "every branch among separate raw outputs, also those that no score needs",
        group="output",
        original=True,
    )
    merge_primitive_postprocess: bool = knob(False, "decoded maps cx, cy, bw, bh, score, ...", group="output")
    nms: bool = knob(False, "drop duplicate boxes in the graph", group="output")
    nms_iou: float | None = same_knob(
        Thresholds, "nms_iou", None, group="output",
        help="IoU at which --nms drops a box, and which other files recommend (default: the checkpoint's)",
    )  # fmt: skip
    dynamic_resize: bool = knob(False, "frames of any size in, reduced in the graph", group="input")
    dynamic: bool = knob(False, "height and width of the network are free", group="input")
    batch: int | None = knob(1, "images per run, or dynamic", parse=parse_batch, minimum=1, group="input")
    uint8_input: bool = knob(False, "bytes in, normalised in the graph", group="input")
    half_weights: bool = knob(False, "weights stored in 16 bits, computed with in 32: half the file", group="output")
    simplify: bool = knob(True, "simplify the graph")
    decompose_bn: bool = knob(True, "", ineffective="batch-norm is always folded")
    verify: bool = knob(False, "print the largest difference to torch (more than 0.001 is always an error)")


def form_of(config: OnnxConfig) -> ExportForm:
    """Return the form that the switches ask for.

    Raises:
        UserError: switches that exclude each other.
    """
    if config.noconcat_box_obj_quality_cls and (config.merge_postprocess or config.merge_primitive_postprocess):
        raise UserError("--noconcat-box-obj-quality-cls goes with --no-merge-postprocess, and without a merged output")
    if config.nms and (config.merge_primitive_postprocess or not config.merge_postprocess):
        raise UserError("--nms needs the merged output: leave out --no-merge-postprocess and the primitive outputs")
    if config.form and (config.noconcat_box_obj_quality_cls or config.merge_primitive_postprocess or config.nms):
        raise UserError(f"--form {config.form} names the outputs already: leave out the other switch")
    name = "merged" if config.merge_postprocess else "raw"
    if config.form:
        name = config.form
    elif config.merge_primitive_postprocess:
        name = "primitive"
    elif config.nms:
        name = "nms"
    elif config.noconcat_box_obj_quality_cls:
        name = "parts"
    iou = config.nms_iou if name in ("nms", "end2end") else None
    return ExportForm(
        name, config.topk or ExportForm.topk, config.conf_thresh, iou, config.batch,
        config.dynamic_resize, config.dynamic, config.uint8_input, config.all_branches and name == "parts",
        config.half_weights,
    )  # fmt: skip


def without_effect(config: OnnxConfig, form: ExportForm, small: bool) -> list[str]:
    """Return a line for settings that nobody reads, where they are not the usual ones.

    Args:
        config: as given.
        form: that it asks for.
        small: whether the file is on eight bits.
    """
    lines = []
    if not form.has_rows and (flags := _changed(config, ("topk", "conf_thresh"))):
        lines.append(f"without effect: {flags}, as the form {form.name} has no rows")
    eight_bits = [field.name for field in dataclasses.fields(Int8Config) if field.name != "int8"]
    if not small and (flags := _changed(config, eight_bits)):
        lines.append(f"without effect: {flags}, as the file is in float; --int8 writes eight bits")
    return lines


def _changed(config: OnnxConfig, names: Collection[str]) -> str:
    """Return the flags of settings that differ from their defaults."""
    return ", ".join(
        f"--{'no-' if getattr(config, field.name) is False else ''}{flag_of(field).replace('_', '-')}"
        for field in dataclasses.fields(config)
        if field.name in names and getattr(config, field.name) != field.default
    )

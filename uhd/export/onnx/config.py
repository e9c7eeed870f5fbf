"""Settings of the ONNX export."""

from __future__ import annotations

from dataclasses import dataclass

from uhd.compress.int8.config import Int8Config
from uhd.config import knob, same_knob
from uhd.config.groups import Thresholds
from uhd.errors import UserError
from uhd.export.onnx.form import FORMS, ExportForm


def parse_batch(text: str) -> int:
    """Return the images per run, 0 for any number."""
    if text.lower() in ("dynamic", "n", "0"):
        return 0
    if not text.isdigit():
        raise ValueError("is neither a number nor dynamic")
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
    topk: int = knob(100, "rows of the merged output", minimum=1, group="output")
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
        Thresholds, "nms_iou", None, help="IoU at which --nms drops a box (default: the checkpoint's)", group="output"
    )
    dynamic_resize: bool = knob(False, "frames of any size in, reduced in the graph", group="input")
    dynamic: bool = knob(False, "height and width of the network are free", group="input")
    batch: int = knob(1, "images per run, or dynamic", parse=parse_batch, minimum=0, group="input")
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
        name, config.topk, config.conf_thresh, iou, config.batch or None,
        config.dynamic_resize, config.dynamic, config.uint8_input, config.all_branches and name == "parts",
        config.half_weights,
    )  # fmt: skip

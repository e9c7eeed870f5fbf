"""What an exported file says of itself: enough to feed it and to read it without this package."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from uhd.card import ModelCard
from uhd.export.onnx.form import ExportForm
from uhd.export.onnx.postprocess import every_class_counts
from uhd.heads import HeadLayout
from uhd.models.network import AnchorNetwork, DetectorNetwork
from uhd.resize import is_point_sampling
from uhd.version import __version__

_LEVELS = {"bin": "0 below 0.5, else 1", "tri": "0 below 1/3, 0.5 below 2/3, else 1"}
_BOXES = {
    "anchor": (
        "cx=(sigmoid(tx)+x)/w; cy=(sigmoid(ty)+y)/h; "
        "bw=anchor_w*wh_scale_w*softplus(tw); bh=anchor_h*wh_scale_h*softplus(th)"
    ),
    "centernet": "cx=(x+off_x)/w; cy=(y+off_y)/h; bw=wh_w/w; bh=wh_h/h",
    "queries": "boxes are cx,cy,w,h",
}


def metadata_of(
    network: DetectorNetwork, spec: ModelCard, form: ExportForm, outputs: tuple[str, ...]
) -> dict[str, str]:
    """Return the metadata of a file, as text."""
    card = dataclasses.replace(
        spec.with_precision("float32"),
        arch=network.arch,
        kind=network.kind,
        score=score_formula(network),
        head=head_of(network),
        input_range="0 to 255, uint8" if form.uint8_input else "0 to 1, float32",
    )
    table = card.to_metadata() | {
        "form": form.name,
        "decode_bbox": _BOXES[network.kind],
        "postprocess_mode": {"merged": "full", "nms": "full", "primitive": "primitive"}.get(form.name, "raw"),
        "dynamic_resize": _yes(form.dynamic_resize),
        "dynamic_axes": json.dumps(dynamic_axes(form)),
        "raw_concat": _yes(form.name == "raw" and network.kind == "anchor"),
        "uhd_version": __version__,
    }
    table |= _input(spec, form)
    if form.has_rows:
        table |= {"output_columns": "score,class_id,cx,cy,w,h", "score_floor": f"{form.conf_thresh:g}"}
        table["suppressed_at_iou"] = f"{form.nms_iou:g}" if form.name == "nms" else ""
    if isinstance(network, AnchorNetwork) and form.name == "raw":
        table["raw_concat_fields"] = ",".join(outputs[0].split("_")[:-1])
        table["raw_concat_layout"] = "anchor_interleaved"
    return table


def head_of(network: DetectorNetwork) -> dict[str, str]:
    """Return how the raw maps of a network are read, as text."""
    table = {"every_class_counts": _yes(every_class_counts(network))}
    if isinstance(network, AnchorNetwork):
        table |= _anchors(network.layout())
    if network.kind == "centernet":
        table |= {"topk": str(network.config.topk), "heatmap_peaks": _yes(network.config.heatmap_peaks)}
    return table


def dynamic_axes(form: ExportForm) -> dict[str, str]:
    """Return the free axes of the input, number to name."""
    axes = {} if form.batch is not None else {"0": "N"}
    return axes | ({"2": "H", "3": "W"} if form.dynamic or form.dynamic_resize else {})


def score_formula(network: DetectorNetwork) -> str:
    """Return how the score follows from the raw outputs, for people."""
    if not isinstance(network, AnchorNetwork):
        peak = " where no neighbour of the 3x3 is higher" if network.kind == "centernet" else ""
        return f"hm{peak}" if network.kind == "centernet" else "softmax(logits) of the class"
    layout = network.layout()
    quality = "sigmoid(quality)" + (f"^{layout.quality_power:g}" if layout.quality_power != 1 else "")
    formula = {"obj": "sigmoid(obj)", "quality": quality, "cls": "sigmoid(cls)"}
    return " * ".join(formula[part] for part in layout.score_mode.split("_"))


def _anchors(layout: HeadLayout) -> dict[str, str]:
    return {
        "anchors": json.dumps([[round(float(side), 8) for side in pair] for pair in layout.anchors]),
        "wh_scale": json.dumps([[round(float(side), 8) for side in pair] for pair in layout.wh_scale]),
        "score_mode": layout.score_mode,
        "quality_power": f"{layout.quality_power:g}",
        "disable_cls": _yes(layout.num_classes == 0),
    }


def _input(spec: ModelCard, form: ExportForm) -> dict[str, Any]:
    mode = spec.resize_mode
    levels = _LEVELS.get(mode.rpartition("_")[2])
    table: dict[str, Any] = {}
    if levels:
        table["input_levels"] = levels + (", inside the graph" if form.uint8_input else "")
    if form.dynamic_resize:
        library = "torch" if mode.startswith("torch") else "OpenCV"
        how = (
            f"point sampling as {library}" if is_point_sampling(mode) else "linear, half-pixel centres, no antialiasing"
        )
        table["resized_inside"] = how
    return table


def _yes(value: bool) -> str:
    return str(value).lower()

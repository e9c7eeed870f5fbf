"""What an exported file says of itself: enough to feed it and to read it without this package."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from uhd.card import ModelCard
from uhd.export.onnx.form import ExportForm
from uhd.export.onnx.heads import GRAPHS
from uhd.models.network import DetectorNetwork
from uhd.resize import is_point_sampling
from uhd.runtime.drop_in import DROP_IN, PIXELS, SHARES, YOLOV8
from uhd.version import __version__

_LEVELS = {"bin": "0 below 0.5, else 1", "tri": "0 below 1/3, 0.5 below 2/3, else 1"}


def metadata_of(
    network: DetectorNetwork, spec: ModelCard, form: ExportForm, outputs: tuple[str, ...]
) -> dict[str, str]:
    """Return the metadata of a file, as text."""
    face = GRAPHS[network.kind]
    card = dataclasses.replace(
        spec.with_precision("float32"),
        arch=network.arch,
        kind=network.kind,
        score=face.score(network),
        head=network.layout().to_metadata(),
        input_range="0 to 255, uint8" if form.uint8_input else "0 to 1, float32",
    )
    table = card.to_metadata() | {
        "form": form.name,
        "decode_bbox": face.box_rule(network),
        "postprocess_mode": {"merged": "full", "nms": "full", "primitive": "primitive"}.get(form.name, "raw"),
        "dynamic_resize": _yes(form.dynamic_resize),
        "dynamic_axes": json.dumps(dynamic_axes(form)),
        "raw_concat": "false",
        "uhd_version": __version__,
    }
    table |= _input(spec, form)
    if form.has_rows:
        table |= {"output_columns": "score,class_id,cx,cy,w,h", "score_floor": f"{form.conf_thresh:g}"}
        table["suppressed_at_iou"] = f"{form.nms_iou:g}" if form.nms_iou else ""
    if form.name in DROP_IN:
        table |= _drop_in(network, spec, form)
    if form.name == "raw":
        table |= face.raw_metadata(outputs)
    return table


def dynamic_axes(form: ExportForm) -> dict[str, str]:
    """Return the free axes of the input, number to name."""
    axes = {} if form.batch is not None else {"0": "N"}
    return axes | ({"2": "H", "3": "W"} if form.dynamic or form.dynamic_resize else {})


def _drop_in(network: DetectorNetwork, spec: ModelCard, form: ExportForm) -> dict[str, str]:
    """Return how the one output is read, and what programs that know the form look for."""
    columns = "cx,cy,w,h," + ",".join(spec.class_names) if form.name == YOLOV8 else "x1,y1,x2,y2,score,class_id"
    return {
        "output_columns": columns,
        "box_unit": SHARES if form.pixels is None else PIXELS,
        "imgsz": json.dumps(list(spec.input_size)),
        "stride": str(network.stride),
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

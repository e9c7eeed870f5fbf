"""Write a detector as ONNX with its post-processing and everything needed to run it."""

from __future__ import annotations

import contextlib
import copy
import io
import warnings
from pathlib import Path

import onnx
import torch

from uhd import __version__
from uhd.errors import UserError, nearest
from uhd.export.graphs import HeadGraph, PartsGraph, RawGraph
from uhd.export.postprocess import MergedGraph
from uhd.export.rewrite import add_constant_output, decompose_batchnorm, name_depthwise
from uhd.export.verify import largest_difference
from uhd.files import save_atomic
from uhd.models.network import check_size
from uhd.models.ultratinyod import UltraTinyOD
from uhd.resize import input_channels
from uhd.runtime.spec import ModelSpec

FORMS = ("merged", "raw", "parts")
OPSETS = range(13, 21)
LARGEST_DIFFERENCE = 1e-3


def export_onnx(
    model: UltraTinyOD,
    path: Path,
    spec: ModelSpec,
    form: str = "merged",
    topk: int = 100,
    conf_thresh: float = 0.0,
    opset: int = 17,
    simplify: bool = True,
    verify: bool = True,
) -> onnx.ModelProto:
    """Write ``input_rgb`` (``input_yuv422``, ``input_y``) [1, C, H, W] in, by form:

    * ``merged``: ``score_classid_cxcywh`` [1, K, 6] out, best first, normalised, without suppression;
    * ``raw``: ``txtywh_obj_quality_cls_x8`` [1, A * no, h, w], ``anchors`` [A, 2], ``wh_scale`` [A, 2];
    * ``parts``: ``box`` [1, 4A, h, w], those of ``obj``, ``quality``, ``cls`` that the score needs, and the same two.

    Args:
        model: any mode, any device; it is not changed. Batch-norm is folded.
        path: file to write, atomically.
        spec: becomes the file's metadata.
        form: one of ``FORMS``.
        topk: rows of the merged form.
        conf_thresh: lower scores of the merged form become 0.
        opset: 13 to 20, of the exporter whose node names quantisation recipes know.
        simplify: run the graph through onnxslim.
        verify: compare with the model before anything is written.

    Returns:
        The graph as written.

    Raises:
        UserError: bad form, size, opset or resize mode, or the file cannot be written.
        RuntimeError: the graph computes something else than the model.
    """
    if form not in FORMS:
        raise UserError(f"unknown form {form!r}{nearest(form, FORMS)}: choose from {', '.join(FORMS)}")
    if opset not in OPSETS:
        raise UserError(f"--opset {opset}: the exporter offers {OPSETS[0]} to {OPSETS[-1]}")
    if topk < 1 or not 0 <= conf_thresh <= 1:
        raise UserError(f"--topk {topk} must be at least 1 and --conf-thresh {conf_thresh} between 0 and 1")
    check_size(spec.input_size, model.config.stride)
    if input_channels(spec.resize_mode) != model.config.in_channels:
        raise UserError(
            f"--resize-mode {spec.resize_mode} gives {input_channels(spec.resize_mode)} channels, "
            f"but the model takes {model.config.in_channels}"
        )
    model = copy.deepcopy(model).cpu().eval()
    wrapper: MergedGraph | RawGraph | PartsGraph
    if form == "merged":
        wrapper = MergedGraph(model, spec.input_size, topk, conf_thresh)
    else:
        wrapper = RawGraph(model) if form == "raw" else PartsGraph(model)
    graph = _trace(wrapper.eval(), spec, list(wrapper.output_names), model.config.in_channels, opset)
    decompose_batchnorm(graph)
    if simplify:
        graph = _simplify(graph)
    name_depthwise(graph)
    if form != "merged":
        add_constant_output(graph, "anchors", wrapper.layout.anchors)
        add_constant_output(graph, "wh_scale", wrapper.layout.wh_scale)
    onnx.helper.set_model_props(graph, spec.to_metadata() | _metadata(wrapper, form))
    onnx.checker.check_model(graph, full_check=True)
    if verify and (worst := largest_difference(graph, model, spec.input_size)) > LARGEST_DIFFERENCE:
        raise RuntimeError(f"the exported graph differs from the model by {worst:.2g}; nothing was written")
    save_atomic(path, lambda temporary: onnx.save(graph, str(temporary)))
    return graph


def input_name(mode: str) -> str:
    """Return the graph's input name for a resize mode."""
    return {3: "input_rgb", 2: "input_yuv422", 1: "input_y"}[input_channels(mode)]


def _metadata(wrapper: HeadGraph, form: str) -> dict[str, str]:
    layout = wrapper.layout
    quality = "sigmoid(quality)" + (f"^{layout.quality_power:g}" if layout.quality_power != 1 else "")
    formula = {"obj": "sigmoid(obj)", "quality": quality, "cls": "sigmoid(cls)"}
    table = {
        "decode_score": " * ".join(formula[part] for part in layout.score_mode.split("_")),
        "decode_bbox": (
            "cx=(sigmoid(tx)+x)/w; cy=(sigmoid(ty)+y)/h; "
            "bw=anchor_w*wh_scale_w*softplus(tw); bh=anchor_h*wh_scale_h*softplus(th)"
        ),
        "score_mode": layout.score_mode,
        "quality_power": f"{layout.quality_power:g}",
        "disable_cls": str(layout.num_classes == 0).lower(),
        "postprocess_mode": "full" if form == "merged" else "raw",
        "dynamic_resize": "false",
        "raw_concat": str(form == "raw").lower(),
        "uhd_version": __version__,
    }
    if isinstance(wrapper, RawGraph):
        table["raw_concat_fields"] = ",".join(["txtywh", *wrapper.output_names[0].split("_")[1:-1]])
        table["raw_concat_layout"] = "anchor_interleaved"
    if isinstance(wrapper, MergedGraph):
        table["output_columns"] = "score,class_id,cx,cy,w,h"
        table["score_floor"] = f"{wrapper.conf_thresh:g}"
    return table


def _trace(wrapper: HeadGraph, spec: ModelSpec, outputs: list[str], channels: int, opset: int) -> onnx.ModelProto:
    buffer = io.BytesIO()
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        # The exporter warns that it is the older one; the newer one gives other node names.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            wrapper,
            (torch.zeros(1, channels, *spec.input_size),),
            buffer,  # type: ignore[arg-type]  # its annotation forgets file objects
            dynamo=False,
            opset_version=opset,
            input_names=[input_name(spec.resize_mode)],
            output_names=outputs,
            do_constant_folding=True,
        )
    return onnx.load_from_string(buffer.getvalue())


def _simplify(graph: onnx.ModelProto) -> onnx.ModelProto:
    import onnxslim

    slim: onnx.ModelProto = onnxslim.slim(graph)
    return slim

"""Write a detector as ONNX with its post-processing and everything needed to run it."""

from __future__ import annotations

import contextlib
import io
import warnings
from pathlib import Path

import onnx
import torch

from uhd import __version__
from uhd.errors import UserError
from uhd.export.postprocess import MergedGraph
from uhd.files import save_atomic
from uhd.models.ultratinyod import UltraTinyOD, check_size
from uhd.resize import input_channels
from uhd.runtime.spec import ModelSpec

OUTPUT = "score_classid_cxcywh"


def export_onnx(
    model: UltraTinyOD,
    path: Path,
    spec: ModelSpec,
    topk: int = 100,
    conf_thresh: float = 0.0,
    opset: int = 17,
    simplify: bool = True,
) -> onnx.ModelProto:
    """Write the merged form: ``input_rgb`` [1, C, H, W] in, ``score_classid_cxcywh`` [1, K, 6] out.

    Args:
        model: in evaluation mode; batch-norm is folded.
        path: file to write, atomically.
        spec: becomes the file's metadata.
        topk: rows.
        conf_thresh: lower scores become 0.
        opset: of the legacy exporter, from 17.
        simplify: run the graph through onnxslim.

    Returns:
        The model as written.

    Raises:
        UserError: bad size or opset, or the file cannot be written.
    """
    check_size(spec.input_size, model.config.stride)
    if not 17 <= opset <= 20:
        raise UserError(f"--opset {opset}: the exporter offers 17 to 20")
    graph = _trace(model.eval(), spec, topk, conf_thresh, opset)
    if simplify:
        graph = _simplify(graph)
    name_depthwise(graph)
    formula = {"obj": "sigmoid(obj)", "quality": "sigmoid(quality)^quality_power", "cls": "sigmoid(cls)"}
    layout = model.layout()
    score = " * ".join(formula[part] for part in layout.score_mode.split("_"))
    metadata = spec.to_metadata() | {
        "decode_score": score,
        "decode_bbox": "cx=(sigmoid(tx)+x)/w; cy=(sigmoid(ty)+y)/h; bw=anchor_w*softplus(tw); bh=anchor_h*softplus(th)",
        "score_mode": layout.score_mode,
        "quality_power": f"{layout.quality_power:g}",
        "postprocess_mode": "full",
        "dynamic_resize": "false",
        "raw_concat": "false",
        "uhd_version": __version__,
    }
    onnx.helper.set_model_props(graph, metadata)
    onnx.checker.check_model(graph)
    save_atomic(path, lambda temporary: onnx.save(graph, str(temporary)))
    return graph


def input_name(mode: str) -> str:
    """Return the graph's input name for a resize mode."""
    return {3: "input_rgb", 2: "input_yuv422", 1: "input_y"}[input_channels(mode)]


def name_depthwise(graph: onnx.ModelProto) -> None:
    """Prefix depthwise convolutions with ``/depthwiseconv``, the name that int16 patterns look for."""
    weights = {tensor.name: list(tensor.dims) for tensor in graph.graph.initializer}
    for node in graph.graph.node:
        if node.op_type != "Conv" or node.name.startswith("/depthwiseconv"):
            continue
        groups = next((attribute.i for attribute in node.attribute if attribute.name == "group"), 1)
        if groups > 1 and weights.get(node.input[1], [0, 0])[1] == 1:
            node.name = f"/depthwiseconv{node.name}"


def _trace(model: UltraTinyOD, spec: ModelSpec, topk: int, conf_thresh: float, opset: int) -> onnx.ModelProto:
    wrapper = MergedGraph(model, spec.input_size, topk, conf_thresh).eval()
    example = torch.zeros(1, model.config.in_channels, *spec.input_size)
    buffer = io.BytesIO()
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        # The exporter warns that it is the older one; the newer one gives other node names.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            wrapper,
            (example,),
            buffer,  # type: ignore[arg-type]  # its annotation forgets file objects
            dynamo=False,
            opset_version=opset,
            input_names=[input_name(spec.resize_mode)],
            output_names=[OUTPUT],
            do_constant_folding=True,
        )
    return onnx.load_from_string(buffer.getvalue())


def _simplify(graph: onnx.ModelProto) -> onnx.ModelProto:
    import onnxslim

    slim: onnx.ModelProto = onnxslim.slim(graph)
    return slim

"""Write a detector as ONNX with everything needed to run it."""

from __future__ import annotations

import contextlib
import copy
import io
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import torch

from uhd.card import ModelSpec
from uhd.compress.fake_quantise import strip
from uhd.errors import UserError
from uhd.export.half_weights import store_half
from uhd.export.onnx.form import FORMS, OPSETS, ExportForm
from uhd.export.onnx.graphs import NetworkGraph
from uhd.export.onnx.heads import GRAPHS
from uhd.export.onnx.metadata import metadata_of
from uhd.export.onnx.postprocess import outputs_of
from uhd.export.onnx.prelude import Prelude, normalise_inside, resize_inside
from uhd.export.onnx.rewrite import add_constant_output, decompose_batchnorm, name_depthwise
from uhd.export.onnx.verify import largest_difference
from uhd.files import save_atomic
from uhd.models.network import DetectorNetwork, check_size
from uhd.resize import input_channels, is_point_sampling
from uhd.runtime.drop_in import DROP_IN

__all__ = ["FORMS", "OPSETS", "ExportForm", "export_onnx", "input_name"]

LARGEST_DIFFERENCE = 1e-3


def export_onnx(
    model: DetectorNetwork,
    path: Path,
    spec: ModelSpec,
    form: str | ExportForm = "merged",
    opset: int = 17,
    simplify: bool = True,
    verify: bool = True,
    **options: Any,
) -> onnx.ModelProto:
    """Write ``input_rgb`` (``input_yuv422``, ``input_y``) [1, C, H, W] in, by form:

    * ``merged``: ``score_classid_cxcywh`` [1, K, 6] out, best first, normalised, without suppression;
    * ``nms``: the same rows without duplicates; rows that are left over have score 0;
    * ``raw``: ``txtywh_obj_quality_cls_x8`` [1, A * no, h, w], ``anchors`` [A, 2], ``wh_scale`` [A, 2];
    * ``parts``: ``box`` [1, 4A, h, w], those of ``obj``, ``quality``, ``cls`` that the score needs (or
      all of them), and the same two;
    * ``yolov8``: ``output0`` [1, 4 + classes, N], cx, cy, w, h in pixels, then the score of every class;
    * ``end2end``: ``output0`` [1, K, 6], x1, y1, x2, y2 in pixels, score, class, best first, without duplicates;
    * ``primitive``: ``cx``, ``cy``, ``bw``, ``bh``, ``score`` [1, A, h, w], ``cls_scores`` [1, A, h, w, C]; only anchor
      networks have a score without class.

    Of a CenterNet, ``raw`` and ``parts`` are ``hm``, ``off``, ``wh``; of a transformer ``logits`` and ``boxes``,
    queries first.

    Args:
        model: any mode, any device; it is not changed. Batch-norm is folded; a fake-quantised one is written with its
            weights on their grid and float activations.
        path: file to write, atomically.
        spec: becomes the file's metadata.
        form: one of ``FORMS``, or all choices at once.
        opset: 13 to 20, of the exporter whose node names quantisation recipes know.
        simplify: run the graph through onnxslim.
        verify: compare with the model before anything is written.
        options: fields of :class:`ExportForm` beside its name: ``topk``, ``conf_thresh``, ``nms_iou``, ``batch``,
            ``dynamic_resize``, ``dynamic``, ``uint8_input``, ``all_branches``, ``half_weights``.

    Returns:
        The graph as written.

    Raises:
        UserError: bad form, size, opset, resize mode or combination, or the file cannot be written.
        RuntimeError: the graph computes something else than the model.
    """
    asked = form if isinstance(form, ExportForm) else ExportForm(form, **options)
    if asked.name in DROP_IN:
        asked = replace(asked, pixels=spec.input_size)
    if asked.suppresses:
        # What the graph has done is what its card says: whoever loads it does the same, which changes nothing.
        spec = replace(spec, suppression=spec.suppression.at(asked.nms_iou))
        asked = replace(asked, nms_iou=spec.suppression.iou or None)
    _check(model, spec, asked, opset)
    model = strip(copy.deepcopy(model).cpu().eval())
    graph = _write(model, spec, asked, opset, simplify)
    if verify and (worst := largest_difference(graph, model, asked)) > LARGEST_DIFFERENCE:
        raise RuntimeError(f"the exported graph differs from the model by {worst:.2g}; nothing was written")
    if asked.half_weights:
        store_half(graph)
    save_atomic(path, lambda temporary: onnx.save(graph, str(temporary)))
    return graph


def input_name(mode: str) -> str:
    """Return the graph's input name for a resize mode."""
    return {3: "input_rgb", 2: "input_yuv422", 1: "input_y"}[input_channels(mode)]


def _write(model: DetectorNetwork, spec: ModelSpec, asked: ExportForm, opset: int, simplify: bool) -> onnx.ModelProto:
    """Return the whole graph of a bare network: traced, rewritten, with what stands before and after it."""
    names, finish = outputs_of(model, asked)
    graph = _trace(NetworkGraph(model, finish), model, spec, asked, names, opset)
    decompose_batchnorm(graph)
    if simplify:
        graph = _simplify(graph)
    name_depthwise(graph)
    _put_in_front(graph, spec, asked)
    if asked.name in ("raw", "parts"):
        for name, values in GRAPHS[model.kind].constants(model).items():
            add_constant_output(graph, name, values)
    onnx.helper.set_model_props(graph, metadata_of(model, spec, asked, names))
    onnx.checker.check_model(graph, full_check=True)
    return graph


def _check(model: DetectorNetwork, spec: ModelSpec, form: ExportForm, opset: int) -> None:
    if opset not in OPSETS:
        raise UserError(f"--opset {opset}: the exporter offers {OPSETS[0]} to {OPSETS[-1]}")
    check_size(spec.input_size, model.stride)
    channels = input_channels(spec.resize_mode)
    if channels != model.config.in_channels:
        raise UserError(
            f"--resize-mode {spec.resize_mode} gives {channels} channels, "
            f"but the model takes {model.config.in_channels}"
        )
    if form.suppresses and spec.suppression.kind != "greedy":
        kind, flag = spec.suppression.kind, "--nms" if form.name == "nms" else f"--form {form.name}"
        raise UserError(f"{flag}: a graph has no operator for {kind}; leave it out, or add --nms-type greedy")
    if form.dynamic and not GRAPHS[model.kind].any_size:
        raise UserError("--dynamic: a transformer's position code is that of one size; use --dynamic-resize instead")
    if form.dynamic_resize and channels == 2 and not is_point_sampling(spec.resize_mode):
        raise UserError("--dynamic-resize of packed YUV is point sampling only")


def _put_in_front(graph: onnx.ModelProto, spec: ModelSpec, form: ExportForm) -> None:
    if not form.dynamic_resize and not form.uint8_input:
        return
    prelude, mode = Prelude(graph), spec.resize_mode
    if form.dynamic_resize:
        resize_inside(prelude, spec.input_size, mode, form.uint8_input)
    if form.uint8_input:
        normalise_inside(prelude, mode, is_float=form.dynamic_resize and not is_point_sampling(mode))
    free = form.dynamic_resize or form.dynamic
    sides: list[int | str] = ["H", "W"] if free else list(spec.input_size)
    prelude.insert(["N" if form.batch is None else form.batch, input_channels(mode), *sides], form.uint8_input)


def _trace(
    wrapper: NetworkGraph,
    model: DetectorNetwork,
    spec: ModelSpec,
    form: ExportForm,
    outputs: tuple[str, ...],
    opset: int,
) -> onnx.ModelProto:
    buffer, name = io.BytesIO(), input_name(spec.resize_mode)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        # The exporter warns that it is the older one; the newer one gives other node names.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            wrapper,
            # Two images where their number is free: one would be taken for a constant here and there.
            (torch.zeros(form.batch or 2, model.config.in_channels, *spec.input_size),),
            buffer,  # type: ignore[arg-type]  # its annotation forgets file objects
            dynamo=False,
            opset_version=opset,
            input_names=[name],
            output_names=list(outputs),
            do_constant_folding=True,
            dynamic_axes=_free_axes(model, form, name, outputs),
        )
    return onnx.load_from_string(buffer.getvalue())


def _free_axes(
    model: DetectorNetwork, form: ExportForm, name: str, outputs: tuple[str, ...]
) -> dict[str, dict[int, str]] | None:
    """Return the axes of input and outputs that have names instead of lengths."""
    of_images = {} if form.batch is not None else {0: "N"}
    axes = {name: of_images | ({2: "H", 3: "W"} if form.dynamic else {})}
    images_axis = GRAPHS[model.kind].images_axis if form.name in ("raw", "parts") else 0
    for output in outputs:
        of_output = {images_axis: "N"} if form.batch is None else {}
        if form.dynamic:
            of_output |= {1: "K"} if form.has_rows else {2: "h", 3: "w"}
        axes[output] = of_output
    return {each: table for each, table in axes.items() if table} or None


def _simplify(graph: onnx.ModelProto) -> onnx.ModelProto:
    import onnxslim

    slim: onnx.ModelProto = onnxslim.slim(graph)
    return slim

"""The last step of a graph: the maps of a network become the outputs of a form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from uhd.export.onnx.candidates import Axes, Candidates, branches, candidates
from uhd.export.onnx.form import ExportForm
from uhd.export.onnx.graphs import Maps
from uhd.export.onnx.suppression import suppressed
from uhd.heads import HeadLayout
from uhd.models.network import AnchorNetwork, DetectorNetwork
from uhd.models.ultratinyod.network import assemble_raw

Finish = Callable[[Maps], tuple[Tensor, ...]]
ROWS = "score_classid_cxcywh"


def outputs_of(network: DetectorNetwork, form: ExportForm) -> tuple[tuple[str, ...], Finish]:
    """Return the names of a form's outputs and what computes them from the network's maps."""
    axes = Axes(form.batch, form.dynamic)
    if form.has_rows:
        return (ROWS,), lambda maps: (_rows(candidates(network, maps, axes), form, network),)
    if form.name == "primitive":
        names = _primitive_names(network)
        return names, lambda maps: _primitive(candidates(network, maps, axes), axes)
    if not isinstance(network, AnchorNetwork):
        return network.output_names, lambda maps: tuple(maps[name] for name in network.output_names)
    layout = network.layout()
    if form.name == "raw":
        names = (raw_name(layout), *(["attr_logits"] if layout.num_attributes else []))
        return names, lambda maps: (_raw(maps), *([maps["attr"]] if layout.num_attributes else []))
    parts = ("box", *(name for name in ("obj", "quality", "cls") if name in _wanted(layout, form)))
    parts += ("attr",) if layout.num_attributes else ()
    return parts, lambda maps: tuple(branches(network, maps)[name] for name in parts)


def _wanted(layout: HeadLayout, form: ExportForm) -> list[str]:
    if not form.all_branches:
        return layout.score_mode.split("_")
    return ["obj", *["quality"] * layout.has_quality, *["cls"] * (layout.num_classes > 0)]


def raw_name(layout: HeadLayout) -> str:
    """Return ``txtywh_obj_quality_cls_x8`` without the branches that the model does not have.

    It ends in ``_x8`` at every stride: programs for the original's files look for the name.
    """
    fields = ["txtywh", "obj", *(["quality"] if layout.has_quality else [])]
    return "_".join([*fields, *(["cls"] if layout.num_classes else []), "x8"])


def _raw(maps: Maps) -> Tensor:
    return maps["raw"] if "raw" in maps else assemble_raw(maps)


def every_class_counts(network: DetectorNetwork) -> bool:
    """Whether each class of a prediction is a detection of its own, rather than only the best one."""
    if isinstance(network, AnchorNetwork):
        return network.layout().multi_label
    return network.kind == "centernet"


def most_rows(network: DetectorNetwork, form: ExportForm) -> int:
    """Return the rows asked for, or fewer where the network itself keeps fewer."""
    return min(form.topk, network.config.topk) if network.kind == "centernet" else form.topk


def _rows(found: Candidates, form: ExportForm, network: DetectorNetwork) -> Tensor:
    """Return (B, K, 6): score, class id, cx, cy, w, h, best first."""
    boxes = torch.cat([found.centre, found.size], 2).permute(0, 1, 3, 2).flatten(1, 2)
    if every_class_counts(network):
        scores = _every_score(found)
        best, place = _best(_kept(boxes, scores, form).flatten(1), form, most_rows(network, form))
        classes = scores.shape[2]
        index = torch.div(place, classes, rounding_mode="floor")
        kind = (place - index * classes).to(best.dtype)
    else:
        score, which = _best_class(found)
        if form.name == "nms":
            score = _kept_best(boxes, score, which, form, network)
        best, index = _best(score, form, most_rows(network, form))
        kind = torch.zeros_like(best) if which is None else torch.gather(which, 1, index).to(best.dtype)
    boxes = torch.gather(boxes, 1, index.unsqueeze(-1).expand(-1, -1, 4))
    return torch.cat([best.unsqueeze(-1), kind.unsqueeze(-1), boxes], -1)


def _best_class(found: Candidates) -> tuple[Tensor, Tensor | None]:
    """Return score (B, N) and class id (B, N) of the best class of every box; None where there is only one."""
    if found.classes is None:
        assert found.base is not None
        return found.base.flatten(1), None
    which = None
    top = found.classes[:, :, 0]
    if found.classes.shape[2] > 1:
        top, which = found.classes.max(2)
        which = which.flatten(1)
    return (top if found.base is None else found.base * top).flatten(1), which


def _every_score(found: Candidates) -> Tensor:
    """Return the scores (B, N, C) of all classes, then of all attributes."""
    columns = []
    if found.classes is not None:
        columns.append(found.classes)
    elif found.base is not None:
        columns.append(torch.ones_like(found.base).unsqueeze(2))
    columns += [found.attributes] if found.attributes is not None else []
    table = torch.cat(columns, 2) if len(columns) > 1 else columns[0]
    if found.base is not None:
        table = table * found.base.unsqueeze(2)
    return table.permute(0, 1, 3, 2).flatten(1, 2)


def _kept(boxes: Tensor, scores: Tensor, form: ExportForm) -> Tensor:
    if form.name != "nms":
        return scores
    kept = suppressed(_corners(boxes), scores.transpose(1, 2), _iou(form), form.conf_thresh)
    return kept.transpose(1, 2)


def _kept_best(boxes: Tensor, score: Tensor, which: Tensor | None, form: ExportForm, network: Any) -> Tensor:
    table = score.unsqueeze(1)
    if which is not None:
        ids = torch.arange(network.config.num_classes).view(1, -1, 1)
        table = table * (which.unsqueeze(1) == ids).to(score.dtype)
    # A box is of one class here, so the sum over classes is its score or 0.
    return suppressed(_corners(boxes), table, _iou(form), form.conf_thresh).sum(1)


def _iou(form: ExportForm) -> float:
    if form.nms_iou is None:
        raise ValueError("the nms form needs an IoU")
    return form.nms_iou


def _corners(boxes: Tensor) -> Tensor:
    half = boxes[..., 2:] / 2
    return torch.cat([boxes[..., :2] - half, boxes[..., :2] + half], -1)


def _best(score: Tensor, form: ExportForm, most: int) -> tuple[Tensor, Tensor]:
    if form.conf_thresh > 0:
        score = score * (score >= form.conf_thresh).to(score.dtype)
    if form.dynamic:
        # As many as there are is known only when the graph runs.
        count: Any = torch.minimum(torch.tensor(most), torch.as_tensor(score.shape[1]))
    else:
        count = min(most, int(score.shape[1]))
    best, index = torch.topk(score, count, dim=1)
    return best, index


def _primitive_names(network: DetectorNetwork) -> tuple[str, ...]:
    if not isinstance(network, AnchorNetwork):
        # There is no score but that of the classes, and an output that is always 1 would be folded away.
        return ("cx", "cy", "bw", "bh", "cls_scores")
    layout = network.layout()
    classes = ["cls_scores"] if "cls" in layout.score_mode.split("_") else []
    return ("cx", "cy", "bw", "bh", "score", *classes, *(["attr_scores"] if layout.num_attributes else []))


def _primitive(found: Candidates, axes: Axes) -> tuple[Tensor, ...]:
    count, (h, w) = found.centre.shape[1], found.grid

    def on_grid(x: Tensor, *last: int) -> Tensor:
        lead = axes.batch or (x.shape[0] if axes.dynamic else -1)
        return x.reshape(lead, count, h, w, *last)

    maps = [found.centre[:, :, 0], found.centre[:, :, 1], found.size[:, :, 0], found.size[:, :, 1]]
    maps += [] if found.base is None else [found.base]
    outputs = [on_grid(each) for each in maps]
    for table in (found.classes, found.attributes):
        if table is not None:
            outputs.append(on_grid(table.transpose(2, 3), table.shape[2]))
    return tuple(outputs)

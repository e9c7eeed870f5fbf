"""The last step of a graph: the maps of a network become the outputs of a form."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from uhd.export.onnx.candidates import Axes, Candidates
from uhd.export.onnx.form import ExportForm
from uhd.export.onnx.heads import GRAPHS, Finish
from uhd.export.onnx.suppression import suppressed
from uhd.models.network import DetectorNetwork
from uhd.runtime.drop_in import DROP_IN, OUTPUT, YOLOV8

ROWS = "score_classid_cxcywh"  # as uhd.runtime.outputs


def outputs_of(network: DetectorNetwork, form: ExportForm) -> tuple[tuple[str, ...], Finish]:
    """Return the names of a form's outputs and what computes them from the network's maps."""
    axes, head = Axes(form.batch, form.dynamic), GRAPHS[network.kind]
    if form.name in DROP_IN:
        make = _columns if form.name == YOLOV8 else _corner_rows
        return (OUTPUT,), lambda maps: (make(head.candidates(network, maps, axes), form, network),)
    if form.has_rows:
        return (ROWS,), lambda maps: (_rows(head.candidates(network, maps, axes), form, network),)
    if form.name == "primitive":
        return head.primitive(network), lambda maps: _primitive(head.candidates(network, maps, axes), axes)
    return head.outputs(network, form)


def _rows(found: Candidates, form: ExportForm, network: DetectorNetwork) -> Tensor:
    """Return (B, K, 6): score, class id, cx, cy, w, h, best first."""
    boxes = _joined(torch.cat([found.centre, found.size], 2).permute(0, 1, 3, 2), form)
    most = GRAPHS[network.kind].most_rows(network, form.topk)
    if network.layout().every_class:
        scores = _every_score(found, form)
        best, place = _best(_joined(_kept(boxes, scores, form), form), form, most)
        classes = scores.shape[2]
        index = torch.div(place, classes, rounding_mode="floor")
        kind = (place - index * classes).to(best.dtype)
    else:
        score, which = _best_class(found, form)
        if form.nms_iou:
            score = _kept_best(boxes, score, which, form, network)
        best, index = _best(score, form, most)
        kind = torch.zeros_like(best) if which is None else torch.gather(which, 1, index).to(best.dtype)
    boxes = torch.gather(boxes, 1, index.unsqueeze(-1).expand(-1, -1, 4))
    return torch.cat([best.unsqueeze(-1), kind.unsqueeze(-1), boxes], -1)


def _corner_rows(found: Candidates, form: ExportForm, network: DetectorNetwork) -> Tensor:
    """Return (B, K, 6): x1, y1, x2, y2, score, class id, best first."""
    rows = _rows(found, form, network)
    return torch.cat([_corners(rows[..., 2:]) * _extent(form), rows[..., :2]], -1)


def _columns(found: Candidates, form: ExportForm, network: DetectorNetwork) -> Tensor:
    """Return (B, 4 + C, N): cx, cy, w, h, then the score of every class."""
    del network
    boxes = _joined(torch.cat([found.centre, found.size], 2).permute(0, 1, 3, 2), form).transpose(1, 2)
    return torch.cat([boxes * _extent(form).view(4, 1), _every_score(found, form).transpose(1, 2)], 1)


def _joined(x: Tensor, form: ExportForm) -> Tensor:
    """Return (B, M * N, ...) of (B, M, N, ...)."""
    if form.batch is not None or form.dynamic:
        return x.flatten(1, 2)
    # Of the batch's size alone nothing is known, and it may be 0: no other can be told from the number of values then.
    return x.reshape(-1, int(x.shape[1]) * int(x.shape[2]), *x.shape[3:])


def _extent(form: ExportForm) -> Tensor:
    """Return what normalised boxes are multiplied by, (4,)."""
    height, width = form.pixels or (1, 1)
    return torch.tensor([width, height, width, height], dtype=torch.float32)


def _best_class(found: Candidates, form: ExportForm) -> tuple[Tensor, Tensor | None]:
    """Return score (B, N) and class id (B, N) of the best class of every box; None where there is only one."""
    if found.classes is None:
        assert found.base is not None
        return _joined(found.base, form), None
    which = None
    top = found.classes[:, :, 0]
    if found.classes.shape[2] > 1:
        top, which = found.classes.max(2)
        which = _joined(which, form)
    return _joined(top if found.base is None else found.base * top, form), which


def _every_score(found: Candidates, form: ExportForm) -> Tensor:
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
    return _joined(table.permute(0, 1, 3, 2), form)


def _kept(boxes: Tensor, scores: Tensor, form: ExportForm) -> Tensor:
    if not form.nms_iou:
        return scores
    kept = suppressed(_corners(boxes), scores.transpose(1, 2), form.nms_iou, form.conf_thresh)
    return kept.transpose(1, 2)


def _kept_best(boxes: Tensor, score: Tensor, which: Tensor | None, form: ExportForm, network: Any) -> Tensor:
    assert form.nms_iou is not None
    table = score.unsqueeze(1)
    if which is not None:
        ids = torch.arange(network.config.num_classes).view(1, -1, 1)
        table = table * (which.unsqueeze(1) == ids).to(score.dtype)
    # A box is of one class here, so the sum over classes is its score or 0.
    return suppressed(_corners(boxes), table, form.nms_iou, form.conf_thresh).sum(1)


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

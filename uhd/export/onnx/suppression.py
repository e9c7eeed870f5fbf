"""Suppression of duplicate boxes inside the graph, by ONNX's own operator."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from uhd.nms.overlap import exclusive_threshold


def suppressed(boxes_xyxy: Tensor, scores: Tensor, iou: float, least: float = 0.0) -> Tensor:
    """Return the scores with those of suppressed boxes set to 0, class by class.

    Args:
        boxes_xyxy: (B, N, 4).
        scores: (B, C, N); what is not above ``least`` is dropped.
        iou: at which a box is a duplicate of a better one of its class; see :mod:`uhd.nms.overlap`.

    Returns:
        (B, C, N). While no graph is traced nothing is suppressed: this module is for graphs only.
    """
    seen = boxes_xyxy.clamp(0, 1)  # duplicates are judged by what is seen of them
    kept: Tensor = _Suppress.apply(seen, scores, exclusive_threshold(iou), least)  # type: ignore[no-untyped-call]
    return kept


class _Suppress(torch.autograd.Function):
    """Stands for a few ONNX nodes: torch has no operator of its own that becomes NonMaxSuppression."""

    @staticmethod
    def forward(_context: Any, _boxes: Tensor, scores: Tensor, _iou: float, _least: float) -> Tensor:
        return scores.clone()

    @staticmethod
    def symbolic(graph: Any, boxes: Any, scores: Any, iou: float, least: float) -> Any:
        def constant(value: int | float, kind: torch.dtype) -> Any:
            return graph.op("Constant", value_t=torch.tensor([value], dtype=kind))

        # No limit per class here: the best rows are taken afterwards, over all classes.
        most = constant(torch.iinfo(torch.int32).max, torch.int64)
        limits = (constant(iou, torch.float32), constant(least, torch.float32))
        index = graph.op("NonMaxSuppression", boxes, scores, most, *limits)
        nothing = graph.op("Mul", scores, constant(0.0, torch.float32))
        return graph.op("ScatterND", nothing, index, graph.op("GatherND", scores, index)).setType(scores.type())

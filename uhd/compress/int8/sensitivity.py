"""What a layer costs on eight bits: it alone is quantised, and the detections are compared with those of float."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization.calibrate import TensorsData

from uhd.boxes import iou_matrix
from uhd.compress.int8.feeds import Feed
from uhd.compress.int8.layers import layers_of
from uhd.compress.int8.rewrite import to_int8
from uhd.heads import select
from uhd.nms.suppression import Suppression
from uhd.runtime.onnx import OnnxPredictor
from uhd.runtime.predictor import Prediction

Detections = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]
# Inputs on which errors are measured: enough to rank layers, few enough to try every one.
INPUTS = 32
# Detections of each image that are compared, best first.
MOST = 20


@dataclass(frozen=True)
class Sensitivity:
    """Error when one layer is on eight bits.

    Attributes:
        layer: name of the node.
        error: see :meth:`ErrorMeter.error`.
    """

    layer: str
    error: float


class ErrorMeter:
    """Measures versions of one float graph against it.

    Args:
        graph: float, with shapes inferred and its metadata.
        ranges: of every activation.
        feeds: inputs of the runs, gone through for every version; the first ``INPUTS`` are used.
    """

    def __init__(self, graph: onnx.ModelProto, ranges: TensorsData, feeds: Iterable[Feed]) -> None:
        self.graph, self.ranges, self.feeds = graph, ranges, feeds
        self.expected: list[Detections] = []
        said = {each.key: each.value for each in graph.metadata_props}
        for boxes, scores in self._run(graph):
            kept = select(boxes, scores, 0.0, None, Suppression.from_metadata(said).choosing())
            self.expected.append((kept[0][:MOST], kept[1][:MOST], kept[2][:MOST]))

    def error(self, nodes: Iterable[str]) -> float:
        """Return the error with these nodes on eight bits.

        The best detections of float, after suppression, are held against the most similar candidate of their class:
        ``1 - IoU`` plus the difference of the scores, averaged with the scores as weights. What lies far from every
        person, and in raw outputs is most of it, hardly counts.
        """
        return self.error_of(to_int8(self.graph, self.ranges, nodes))

    def error_of(self, version: onnx.ModelProto) -> float:
        """Return the error of a version of the graph; see :meth:`error`."""
        found = self._run(version)
        total = weight = 0.0
        for (boxes, scores, class_ids), others in zip(self.expected, found, strict=True):
            total += float((scores * _cost(boxes, scores, class_ids, others)).sum())
            weight += float(scores.sum())
        return total / max(weight, 1e-12)

    def rank(self) -> list[Sensitivity]:
        """Return every layer, most sensitive first."""
        # With its activation, as on eight bits: only what that lets through needs a place in the range.
        found = [Sensitivity(layer, self.error([layer, *self._activation(layer)])) for layer in layers_of(self.graph)]
        return sorted(found, key=lambda each: -each.error)

    def _activation(self, layer: str) -> list[str]:
        made = {output for node in self.graph.graph.node if node.name == layer for output in node.output}
        readers = [node for node in self.graph.graph.node if made.intersection(node.input)]
        return [node.name for node in readers if len(readers) == 1 and node.op_type in ("Relu", "Clip")]

    def _run(self, graph: onnx.ModelProto) -> list[Prediction]:
        predictor = OnnxPredictor(graph.SerializeToString())
        return [prediction for feed in islice(self.feeds, INPUTS) for prediction in predictor.infer_feed(feed)]


def _cost(
    boxes: NDArray[np.float32], scores: NDArray[np.float32], class_ids: NDArray[np.int64], others: Prediction
) -> NDArray[np.float32]:
    """Return ``1 - IoU`` plus the difference of scores to the most similar candidate; 1 + score where there is none."""
    columns = np.minimum(class_ids, others[1].shape[1] - 1)
    apart = 1 - iou_matrix(boxes, others[0]) + np.abs(scores[:, None] - others[1].T[columns])
    return np.asarray(np.minimum(apart.min(1, initial=np.inf), 1 + scores), np.float32)

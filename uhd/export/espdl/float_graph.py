"""The float graph that is quantised, in onnxruntime."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

Array = NDArray[np.float32]


class FloatGraph:
    """The float graph in onnxruntime; ``run`` is what :class:`RawMapPredictor` takes."""

    def __init__(self, model: onnx.ModelProto) -> None:
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = 1, 3
        # Not the blocked layout: it sums in an order that depends on the number of channels.
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
        self.session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        self.names = [output.name for output in self.session.get_outputs()]

    def run(self, batch: Array) -> dict[str, Array]:
        """Return the outputs for images (n, C, h, w), one at a time, by name."""
        feed = self.session.get_inputs()[0].name
        rows = [self.session.run(None, {feed: image[None]}) for image in batch]
        return {name: np.concatenate([row[i] for row in rows]) for i, name in enumerate(self.names)}


def with_outputs(model: onnx.ModelProto, names: Iterable[str]) -> onnx.ModelProto:
    """Return a copy that puts these tensors out too."""
    wide = onnx.ModelProto()
    wide.CopyFrom(model)
    there = {output.name for output in model.graph.output}
    wide.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names if name not in there)
    return wide

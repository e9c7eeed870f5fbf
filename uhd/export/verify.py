"""Does the exported graph compute what the model computes?"""

from __future__ import annotations

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from uhd.boxes import xyxy_to_cxcywh
from uhd.decode import HeadLayout, decode
from uhd.models.ultratinyod import UltraTinyOD
from uhd.runtime.raw_output import raw_map

Array = NDArray[np.float32]


@torch.inference_mode()
def largest_difference(graph: onnx.ModelProto, model: UltraTinyOD, size: tuple[int, int], images: int = 2) -> float:
    """Return the largest absolute difference between onnxruntime on the graph and the model decoded in NumPy.

    Args:
        graph: as written.
        model: on the CPU, in evaluation mode.
        size: (height, width) of the input.
        images: random inputs compared.
    """
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    session = ort.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    layout = model.layout()
    rng = np.random.default_rng(0)
    worst = 0.0
    for _ in range(images):
        image = rng.random((1, model.config.in_channels, *size), dtype=np.float32)
        outputs = dict(zip(names, session.run(None, {session.get_inputs()[0].name: image}), strict=True))
        raw = model(torch.from_numpy(image)).numpy()
        if "score_classid_cxcywh" in outputs:
            found = _rows_difference(outputs["score_classid_cxcywh"][0], raw, layout)
        else:
            found = _raw_difference(outputs, raw, layout)
        worst = max(worst, found)
    return worst


def _rows_difference(rows: Array, raw: Array, layout: HeadLayout) -> float:
    """Compare by content: rows whose scores are equal up to rounding may come in another order."""
    boxes, scores = decode(raw, layout)
    best, kind = scores[0].max(1), scores[0].argmax(1)
    shown = rows[rows[:, 0] > 0]
    top = np.sort(best)[::-1][: len(shown)]
    if not len(shown):
        return 0.0
    table = np.concatenate([best[:, None], kind[:, None], xyxy_to_cxcywh(boxes[0])], 1)
    nearest = np.abs(shown[:, None] - table[None]).max(2).min(1)
    return float(max(np.abs(shown[:, 0] - top).max(), nearest.max()))


def _raw_difference(outputs: dict[str, Array], raw: Array, layout: HeadLayout) -> float:
    shape = (layout.num_anchors, layout.channels_per_anchor, *raw.shape[2:])
    ours, theirs = raw_map(outputs, layout).reshape(shape), raw.reshape(shape)
    if "box" in outputs:
        start = {"obj": 4, "quality": 5, "cls": 5 + layout.has_quality}
        present = [0, 1, 2, 3]
        present += [start[name] for name in ("obj", "quality") if name in outputs]
        present += range(start["cls"], shape[1]) if "cls" in outputs else []
        ours, theirs = ours[:, present], theirs[:, present]
    return float(np.abs(ours - theirs).max())

"""Does the exported graph compute what the model computes?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from uhd.boxes import xyxy_to_cxcywh
from uhd.export.onnx.form import ExportForm
from uhd.export.onnx.metadata import dynamic_axes
from uhd.export.onnx.verify_suppression import BUT_CLASS, best_classes, is_suppressed
from uhd.models.network import DetectorNetwork, maps_of
from uhd.nms import Suppression
from uhd.resize import input_channels, is_point_sampling, resize_image, to_network
from uhd.runtime.drop_in import YOLOV8
from uhd.runtime.onnx import OnnxPredictor
from uhd.runtime.predictor import Prediction
from uhd.runtime.raw_output import raw_map, read_layout

Array = NDArray[np.float32]
_WHOLE = ("primitive", YOLOV8)  # forms that hold every cell


@torch.inference_mode()
def largest_difference(
    graph: onnx.ModelProto, model: DetectorNetwork, form: ExportForm | None = None, images: int = 2
) -> float:
    """Return the largest difference between onnxruntime on the graph and the model decoded in NumPy.

    It is absolute up to 1 and relative beyond: an untrained network gives boxes far larger than the picture.

    Args:
        graph: as written, with its metadata.
        model: on the CPU, in evaluation mode.
        form: how it was written; tells which inputs are tried, and which rows are missing for a reason.
        images: random inputs compared, of several sizes where those are free.
    """
    form = form or ExportForm()
    predictor = OnnxPredictor(graph.SerializeToString())
    rng = np.random.default_rng(0)
    worst = 0.0
    for i in range(images):
        feed, image = _input(rng, predictor, model, form, i)
        raw = tuple(each.numpy() for each in maps_of(model(torch.from_numpy(image))))
        tensors = predictor._run(feed)
        for found, expected in zip(predictor._read(tensors), model.predictions(raw), strict=True):
            worst = max(worst, predictions_differ(found, expected, form, predictor.spec.suppression))
        worst = max(worst, _maps_difference(tensors, raw, predictor, model))
    return worst


def _input(
    rng: np.random.Generator, predictor: OnnxPredictor, model: DetectorNetwork, form: ExportForm, i: int
) -> tuple[Array, Array]:
    """Return what the file is fed, and what the network gets of it."""
    (h, w), mode, count = predictor.spec.input_size, predictor.spec.resize_mode, form.batch or 2
    free = dynamic_axes(form)
    if form.dynamic_resize:
        # 240 and 480 are sizes at which other arithmetic than the library's differs.
        frames = rng.integers(0, 256, (count, *((240, 480) if i else (h + 7, 2 * w + 6)), 3), np.uint8)
        image = to_network(np.stack([resize_image(frame, (h, w), mode) for frame in frames]), mode)
        feed = to_network(frames, mode)
        if input_channels(mode) == 2:
            # Chroma is gathered, not computed from the reduced picture, so it is not the trained one to the bit.
            image = _reduced_pairs(feed, (h, w))
        if not is_point_sampling(mode) and not form.uint8_input:
            image = torch.nn.functional.interpolate(
                torch.from_numpy(feed), (h, w), mode="bilinear", align_corners=False
            ).numpy()
        return feed, image
    size = (h + i * model.stride, w + 2 * i * model.stride) if "2" in free else (h, w)
    if form.uint8_input:
        image = to_network(rng.integers(0, 256, (count, *size, 3), np.uint8), mode)
    else:
        image = rng.random((count, model.config.in_channels, *size), dtype=np.float32)
    return image, image


def _reduced_pairs(frames: Array, size: tuple[int, int]) -> Array:
    """Return YUYV frames (B, 2, H, W) at another size: luma sampled pixel by pixel, chroma in whole pairs."""
    from uhd.resize import sample_indices

    rows, columns = (sample_indices(frames.shape[2 + i], size[i]) for i in range(2))
    x = np.arange(size[1])
    pairs = columns[x - x % 2] // 2 * 2 + x % 2
    tall = frames[:, :, rows]
    return np.stack([tall[:, 0][..., columns], tall[:, 1][..., pairs]], 1)


def predictions_differ(
    found: Prediction, expected: Prediction, form: ExportForm, suppression: Suppression | None = None
) -> float:
    """Return the largest difference of boxes and scores; infinite where their number differs."""
    # A heat map is written whole, and the model lists its peaks.
    listed = form.has_rows or (form.name in _WHOLE and len(found[0]) > len(expected[0]))
    if not listed:
        return _difference(found, expected)
    rule = (suppression or Suppression()).at(form.nms_iou) if form.nms_iou else None
    return _rows_difference(found, expected, form, rule)


def _difference(found: Prediction, expected: Prediction) -> float:
    if len(found[0]) != len(expected[0]):
        return float("inf")
    return max((_apart(a, b) for a, b in zip(found, expected, strict=True)), default=0.0)


def _apart(found: Array, expected: Array) -> float:
    """Return the largest difference: absolute up to 1, relative beyond."""
    return float((np.abs(found - expected) / np.maximum(1, np.abs(expected))).max(initial=0))


def _rows_difference(found: Prediction, expected: Prediction, form: ExportForm, rule: Suppression | None) -> float:
    """Compare by content: rows whose scores are equal up to rounding may come in another order, and so may classes."""
    shown, table, classes = _flat(*found), _flat(*expected), best_classes(expected[1])
    shown = shown[shown[:, 0] > 0]
    above = table[:, 0] >= form.conf_thresh
    table, classes = table[above], classes[above]
    if form.name in _WHOLE:
        shown = shown[np.argsort(-shown[:, 0], kind="stable")][: len(table)]
    if rule is not None:
        # A table without an empty row may have had no room for more.
        least = form.conf_thresh if len(shown) < len(found[0]) else shown[:, 0].min()
        if not is_suppressed(shown, table, classes, rule.iou, float(least)):
            return float("inf")
    top = np.sort(table[:, 0])[::-1][: len(shown)]
    if len(top) < len(shown):
        return float("inf")
    if not len(shown):
        return 0.0
    apart = (np.abs(shown[:, None] - table[None]) / np.maximum(1, np.abs(table[None])))[..., BUT_CLASS].max(2)
    nearest = np.where(classes[:, shown[:, 1].astype(int)].T, apart, np.inf).min(1)
    # The best scores among the candidates are those shown, unless some of them were suppressed.
    ranked = 0.0 if rule is not None else float(np.abs(np.sort(shown[:, 0])[::-1] - top).max())
    return max(ranked, float(nearest.max()))


def _flat(boxes: Array, scores: Array) -> Array:
    """Return rows score, class id, cx, cy, w, h."""
    return np.concatenate([scores.max(1)[:, None], scores.argmax(1)[:, None], xyxy_to_cxcywh(boxes)], 1)


def _maps_difference(
    tensors: Mapping[str, Array], raw: tuple[Array, ...], predictor: OnnxPredictor, model: DetectorNetwork
) -> float:
    """Compare raw outputs themselves: a branch that no score needs is in no prediction."""
    named = dict(zip(model.output_names, raw, strict=True))
    worst = max((_apart(tensors[name], each) for name, each in named.items() if name in tensors), default=0)
    if "anchors" not in tensors:
        return worst
    layout = read_layout(tensors, predictor.session.get_modelmeta().custom_metadata_map)
    shape = (len(raw[0]), layout.num_anchors, layout.channels_per_anchor, *raw[0].shape[2:])
    ours, theirs = raw_map(tensors, layout).reshape(shape), raw[0].reshape((*shape[:2], -1, *shape[3:]))
    # Parts lack the branches that no score needs, and hold those that were asked for.
    branches = [name for name, count in layout.fields.items() for _ in range(count)]
    held = [i for i, name in enumerate(branches) if "box" not in tensors or name in tensors]
    return max(worst, _apart(ours[:, :, held], theirs[:, :, held]))

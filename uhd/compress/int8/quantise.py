"""A float graph becomes an eight-bit one: calibrated on images, the most sensitive layers kept in float."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import onnx
from onnxruntime.quantization.calibrate import TensorsData

from uhd.card import ModelCard
from uhd.compress.int8.calibrate import activation_ranges, calibration_feeds
from uhd.compress.int8.config import Int8Config
from uhd.compress.int8.correct_bias import Shifts, mean_errors, weights_of, with_biases_moved
from uhd.compress.int8.feeds import Feeds
from uhd.compress.int8.layers import body_of, layers_of
from uhd.compress.int8.rewrite import to_int8
from uhd.compress.int8.sensitivity import INPUTS, ErrorMeter, Sensitivity
from uhd.compress.int8.weight_only import store_weights
from uhd.errors import UserError
from uhd.files import save_atomic
from uhd.runtime.onnx import OnnxPredictor


@dataclass(frozen=True, eq=False)
class Quantised:
    """An int8 graph and how it came about.

    Attributes:
        graph: with QuantizeLinear and DequantizeLinear, and its metadata.
        ranking: every layer, most sensitive first; empty where nothing asked for it.
        kept: layers that stayed float.
        error: of the detections, see :meth:`ErrorMeter.error`.
        method: of calibration.
    """

    graph: onnx.ModelProto
    ranking: list[Sensitivity] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    error: float = 0.0
    method: str = ""


def write_int8(graph: onnx.ModelProto, path: Path, config: Int8Config) -> list[str]:
    """Quantise a graph, write it, and return what to tell the user.

    Raises:
        UserError: no image to calibrate on, or the file cannot be written.
    """
    if config.calibration is None:
        raise UserError("which images to calibrate on? give --calibration DIR")
    predictor = OnnxPredictor(graph.SerializeToString())
    feeds, report = calibration_feeds(predictor, config.calibration, config.calibration_images)
    done = quantise_onnx(graph, feeds, config)
    save_atomic(path, lambda temporary: onnx.save(done.graph, str(temporary)))
    layers = len(layers_of(graph))
    lines = [*report.lines(), f"calibrated on {len(feeds)} inputs ({done.method})"]
    lines += [f"  {each.error:.4f}  {each.layer}" for each in done.ranking[:5]]
    kept = f"{len(done.kept)} of {layers} layers in float" if done.kept else f"all {layers} layers on eight bits"
    return [*lines, f"error of the detections {done.error:.4f}, {kept}"]


def quantise_onnx(graph: onnx.ModelProto, feeds: Feeds, config: Int8Config | None = None) -> Quantised:
    """Return a graph whose network runs on eight bits; the decoding of its outputs stays float.

    Args:
        graph: float, as :func:`uhd.export.onnx.export.export_onnx` returns it, in any form.
        feeds: its input for calibration images, one array for each run.
        config: see there.
    """
    config = config or Int8Config()
    whole = onnx.shape_inference.infer_shapes(graph)
    method, meter = _calibrated(whole, feeds, config)
    ranges = meter.ranges
    ranking = meter.rank() if config.keep_float else []
    order, body = [each.layer for each in ranking], body_of(whole)
    rounding = _rounding(whole, ranges, body, feeds) if config.bias_correction else ({}, {})

    def keeping(count: int) -> Quantised:
        kept = order[:count]
        eight_bits, stored = rounding
        errors = {layer: error for layer, error in eight_bits.items() if layer not in kept}
        errors |= {layer: error for layer, error in stored.items() if layer in kept}
        result = to_int8(with_biases_moved(whole, errors), ranges, [name for name in body if name not in kept])
        store_weights(result)
        return Quantised(result, ranking, kept, meter.error_of(result))

    done = keeping(max(0, config.keep_float))
    if config.keep_float < 0:
        # More than half in float is no int8 model any more.
        while done.error > config.tolerance and len(done.kept) < len(order) // 2:
            done = keeping(len(done.kept) + 1)
    done = replace(done, method=method)
    _describe(done)
    del done.graph.graph.value_info[:]  # every reader infers the shapes
    onnx.checker.check_model(done.graph)
    return done


def _rounding(whole: onnx.ModelProto, ranges: TensorsData, body: Sequence[str], feeds: Feeds) -> tuple[Shifts, Shifts]:
    """Return what rounding does to every layer: on eight bits, and in float with weights that are stored on eight."""
    stored = onnx.ModelProto()
    stored.CopyFrom(whole)
    store_weights(stored)
    versions = to_int8(whole, ranges, body), stored
    eight_bits, in_float = (mean_errors(whole, weights_of(each), islice(feeds, INPUTS)) for each in versions)
    return eight_bits, in_float


def _calibrated(whole: onnx.ModelProto, feeds: Feeds, config: Int8Config) -> tuple[str, ErrorMeter]:
    """Return the method of calibration and a meter with its ranges; of several, that with all layers on eight bits."""

    def meter(method: str) -> ErrorMeter:
        return ErrorMeter(whole, activation_ranges(whole, feeds, method, config.percentile), feeds)

    if config.calibration_method != "auto":
        return config.calibration_method, meter(config.calibration_method)
    meters = {"minmax": meter("minmax")}
    # A few values far outside cost a deep network most. Values that hardly differ have no percentile.
    with contextlib.suppress(UserError):
        meters["percentile"] = meter("percentile")
    errors = {method: each.error(body_of(whole)) for method, each in meters.items()}
    best = min(errors, key=lambda method: errors[method])
    return best, meters[best]


def _describe(done: Quantised) -> None:
    """Complete the metadata; what was measured in float is not a figure of this file."""
    graph = done.graph
    table = {prop.key: prop.value for prop in graph.metadata_props}
    table = ModelCard.from_metadata(table).with_precision("int8").to_metadata()
    table |= {
        "quantised": "int8 weights per channel, uint8 activations; decoding in float",
        "calibration": done.method,
        "float_layers": json.dumps(done.kept),
    }
    del graph.metadata_props[:]
    onnx.helper.set_model_props(graph, table)

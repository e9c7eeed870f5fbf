"""Shrink a float32 ``.tflite``: half floats, weights in 8 bits, or integers throughout."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from uhd.export.litert.convert import INPUT
from uhd.export.litert.flatbuffer import gather_buffers
from uhd.runtime.quiet import quietly

Array = NDArray[np.float32]
Ranges = Mapping[str, tuple[float, float]]
_BINS = 8192


def quantise(content: bytes, kind: str, ranges: Ranges | None = None) -> bytes:
    """Return another kind of the same network.

    Args:
        content: float32 file.
        kind: ``float16`` (weights, computed in float32), ``dynamic-range`` (int8 weights per channel, activations
            quantised as they come), ``full-integer`` (int8 throughout) or ``full-integer-int16`` (activations int16).
        ranges: of every activation, for the integer kinds.
    """
    if kind == "float32":
        return content
    with quietly(), tempfile.TemporaryDirectory() as folder:
        from ai_edge_quantizer import quantizer, recipe

        source, target = Path(folder) / "float32.tflite", Path(folder) / "quantised.tflite"
        source.write_bytes(content)
        tool = quantizer.Quantizer(str(source))
        if kind == "float16":
            _half_floats(tool)
            result = tool.quantize(enable_progress_report=False)
        elif kind == "dynamic-range":
            tool.load_quantization_recipe(recipe.dynamic_wi8_afp32())
            result = tool.quantize(enable_progress_report=False)
        else:
            chosen = recipe.static_wi8_ai8() if kind == "full-integer" else recipe.static_wi8_ai16()
            tool.load_quantization_recipe(chosen)
            result = tool.quantize(_statistics(content, ranges or {}), enable_progress_report=False)
        result.export_model(str(target), overwrite=True)
        return gather_buffers(target.read_bytes())


def activation_ranges(content: bytes, images: Array, percentile: float = 99.99) -> dict[str, tuple[float, float]]:
    """Run images through a float32 file and return the range of every activation, by the tensor's name.

    The input's range is 0 to 1 whatever the images hold: its integers are then the bytes of the picture. Of the others
    the same share is cut at both ends; a single outlier would cost all other values their resolution.

    Args:
        content: float32 file.
        images: (n, h, w, C) in [0, 1].
        percentile: values within the range, in percent.
    """
    with quietly():
        from ai_edge_litert.interpreter import Interpreter

        interpreter = Interpreter(model_content=content, experimental_preserve_all_tensors=True, num_threads=1)
        interpreter.allocate_tensors()
        feed = interpreter.get_input_details()[0]["index"]
        places = {detail["name"]: detail["index"] for detail in _activations(content, interpreter)}

        def run(image: Array) -> dict[str, Array]:
            interpreter.set_tensor(feed, image[None])
            interpreter.invoke()
            return {name: interpreter.get_tensor(place) for name, place in places.items()}

        extremes: dict[str, tuple[float, float]] = {}
        for image in images:
            for name, values in run(image).items():
                low, high = extremes.get(name, (0.0, 0.0))
                extremes[name] = (min(low, float(values.min())), max(high, float(values.max())))
        if percentile < 100:
            counts = {name: np.zeros(_BINS, np.int64) for name in extremes}
            for image in images:
                for name, values in run(image).items():
                    counts[name] += np.histogram(values, _BINS, extremes[name])[0]
            extremes = {name: _inner(extremes[name], counts[name], percentile) for name in extremes}
    return extremes | {INPUT: (0.0, 1.0)}


def _inner(extreme: tuple[float, float], counts: NDArray[np.int64], percentile: float) -> tuple[float, float]:
    """Return the range without the rarest values at both ends; zero always stays inside."""
    low, high = extreme
    if high <= low:
        return extreme
    share = (100 - percentile) / 100
    total = np.cumsum(counts) / counts.sum()
    first, last = int(np.searchsorted(total, share, "right")), int(np.searchsorted(total, 1 - share, "left"))
    step = (high - low) / _BINS
    return min(low + first * step, 0.0), max(low + (last + 1) * step, 0.0)


def _activations(content: bytes, interpreter: Any) -> list[Any]:
    """Return the float tensors that are computed, not stored."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(content, 0)
    graph = model.subgraphs[0]
    stored = {tensor.name for tensor in graph.tensors if model.buffers[tensor.buffer].data is not None}
    known = {tensor.name.decode() for tensor in graph.tensors if tensor.name not in stored}
    return [
        detail
        for detail in interpreter.get_tensor_details()
        if detail["name"] in known and detail["dtype"] is np.float32
    ]


def _statistics(content: bytes, ranges: Ranges) -> dict[str, dict[str, Array]]:
    """Return ranges as the quantiser takes them: arrays of the tensor's rank."""
    from ai_edge_litert import schema_py_generated as schema

    graph = schema.ModelT.InitFromPackedBuf(content, 0).subgraphs[0]
    rank = {tensor.name.decode(): len(tensor.shape) if tensor.shape is not None else 0 for tensor in graph.tensors}
    return {
        name: {"min": np.full((1,) * rank[name], low, np.float32), "max": np.full((1,) * rank[name], high, np.float32)}
        for name, (low, high) in ranges.items()
    }


def _half_floats(tool: Any) -> None:
    from ai_edge_quantizer import qtyping

    weights = qtyping.TensorQuantizationConfig(num_bits=16, dtype=qtyping.TensorDataType.FLOAT)
    tool.update_quantization_recipe(
        regex=".*",
        operation_name=qtyping.TFLOperationName.ALL_SUPPORTED,
        op_config=qtyping.OpQuantizationConfig(
            weight_tensor_config=weights, compute_precision=qtyping.ComputePrecision.FLOAT, explicit_dequantize=True
        ),
        algorithm_key="float_casting",
    )

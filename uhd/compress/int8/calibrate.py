"""The range of every activation, measured on images that are prepared as at deployment."""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod
from onnxruntime.quantization.calibrate import TensorsData, create_calibrator

from uhd.compress.calibration import read_spread
from uhd.compress.int8.config import Int8Config
from uhd.compress.int8.layers import body_of
from uhd.data.discover import discover
from uhd.data.problems import Report
from uhd.errors import UserError
from uhd.runtime.onnx import OnnxPredictor

Feed = NDArray[np.generic]
_METHODS = {
    "minmax": (CalibrationMethod.MinMax, {}),
    "entropy": (CalibrationMethod.Entropy, {"num_bins": 256}),
    "percentile": (CalibrationMethod.Percentile, {"num_bins": 2048}),
}
# Histograms are built from what several runs gave, all of which is held until then.
_AT_ONCE = 32


def calibration_feeds(predictor: OnnxPredictor, place: Path, count: int) -> tuple[list[Feed], Report]:
    """Return the model's input for images evenly spread over a folder, one array for each run, and what was skipped.

    Every image goes through :meth:`OnnxPredictor.preprocess`, as at deployment, before the next is read.

    Args:
        predictor: the float model.
        place: folder of images, data.yaml or list; of a divided data set, the training part.
        count: most images.

    Raises:
        UserError: no image can be read.
    """
    report = Report()
    paths = discover(place, None, None, report).train
    if not paths:
        raise UserError(f"{place}: holds no image to calibrate on")
    step = predictor.batch or 1
    if step == 1:
        return read_spread(paths, count, lambda image: predictor.feed(predictor.preprocess([image])), report, 1), report
    rows = read_spread(paths, count, lambda image: predictor.preprocess([image]), report, 1)
    rows += [rows[-1]] * (-len(rows) % step)
    return [predictor.feed(np.concatenate(rows[i : i + step])) for i in range(0, len(rows), step)], report


def activation_ranges(graph: onnx.ModelProto, feeds: Sequence[Feed], config: Int8Config) -> TensorsData:
    """Run the float graph and return the range of every tensor in it."""
    method, extra = _METHODS[config.calibration_method]
    options = dict[str, Any](extra)
    if config.calibration_method == "percentile":
        options["percentile"] = config.percentile
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "float.onnx"
        onnx.save(graph, str(source))
        nodes = set(body_of(graph))
        kinds = sorted({node.op_type for node in graph.graph.node if node.name in nodes})
        calibrator = create_calibrator(
            source, kinds, str(Path(folder) / "augmented.onnx"), calibrate_method=method, extra_options=options
        )
        name = graph.graph.input[0].name
        # Frames of several sizes cannot be put together.
        step = _AT_ONCE if len({feed.shape for feed in feeds}) == 1 else 1
        for start in range(0, len(feeds), step):
            # The library prints its progress.
            with contextlib.redirect_stdout(io.StringIO()):
                calibrator.collect_data(_Reader(name, feeds[start : start + step]))
        with contextlib.redirect_stdout(io.StringIO()):
            return calibrator.compute_data()


class _Reader(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, name: str, feeds: Sequence[Feed]) -> None:
        self.rows: Iterator[dict[str, Feed]] = iter([{name: feed} for feed in feeds])

    def get_next(self) -> dict[str, Feed] | None:
        """Return the next input, or None at the end."""
        return next(self.rows, None)

"""The range of every activation, measured on images that are prepared as at deployment."""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod
from onnxruntime.quantization.calibrate import CalibraterBase, TensorsData, create_calibrator

from uhd.compress.calibration import read_named, read_spread
from uhd.compress.int8.feeds import Feed, Feeds, ReadAgain
from uhd.compress.int8.layers import body_of
from uhd.data.discover import discover
from uhd.data.problems import Report
from uhd.errors import UserError
from uhd.read import read_image
from uhd.runtime.onnx import OnnxPredictor

_METHODS = {
    "minmax": (CalibrationMethod.MinMax, {}),
    "entropy": (CalibrationMethod.Entropy, {"num_bins": 256}),
    "percentile": (CalibrationMethod.Percentile, {"num_bins": 2048}),
}
# Histograms are built from what several runs gave, all of which is held until then.
_AT_ONCE = 32


def calibration_feeds(predictor: OnnxPredictor, place: Path, count: int) -> tuple[Feeds, Report]:
    """Return the model's input for images evenly spread over a folder, one array for each run, and what was skipped.

    Every image goes through :meth:`OnnxPredictor.preprocess`, as at deployment. Inputs of a fixed size are small and
    kept; a model that resizes inside takes whole photographs, which are read again in every pass.

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
    if predictor.resizes and step == 1:
        readable = [path for path, _ in read_named(paths, count, lambda _: None, report, 1)]
        return ReadAgain(readable, lambda path: predictor.feed(predictor.preprocess([read_image(path)]))), report
    rows = read_spread(paths, count, lambda image: predictor.preprocess([image]), report, 1)
    rows += [rows[-1]] * (-len(rows) % step)
    return [predictor.feed(np.concatenate(rows[i : i + step])) for i in range(0, len(rows), step)], report


def activation_ranges(
    graph: onnx.ModelProto, feeds: Iterable[Feed], method: str = "minmax", percentile: float = 99.99
) -> TensorsData:
    """Run the float graph and return the range of every tensor in it; one feed is held at a time.

    Args:
        graph: float.
        feeds: inputs of the runs.
        method: ``minmax``, ``entropy`` or ``percentile``.
        percentile: of the values inside the range, with the last.
    """
    kind, extra = _METHODS[method]
    options = dict[str, Any](extra)
    if method == "percentile":
        options["percentile"] = percentile
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "float.onnx"
        onnx.save(graph, str(source))
        nodes = set(body_of(graph))
        kinds = sorted({node.op_type for node in graph.graph.node if node.name in nodes})
        calibrator = create_calibrator(
            source, kinds, str(Path(folder) / "augmented.onnx"), calibrate_method=kind, extra_options=options
        )
        reader = _Reader(graph.graph.input[0].name, feeds)
        while reader.more():
            _collect(calibrator, reader, method)
        with contextlib.redirect_stdout(io.StringIO()):
            return calibrator.compute_data()


def _collect(calibrator: CalibraterBase, reader: _Reader, method: str) -> None:
    """Look at one group of feeds.

    Raises:
        UserError: the values of a layer hardly differ, so that no histogram can be made of them.
    """
    try:
        # The library prints its progress.
        with contextlib.redirect_stdout(io.StringIO()):
            calibrator.collect_data(reader)
    except ValueError as error:
        raise UserError(
            f"--calibration-method {method}: the values of some layer hardly differ ({error}); take minmax"
        ) from error


class _Reader(CalibrationDataReader):  # type: ignore[misc]
    """Reads feeds in groups of one shape: what frames of several sizes give cannot be put together."""

    def __init__(self, name: str, feeds: Iterable[Feed]) -> None:
        self.name, self.source = name, iter(feeds)
        self.next: Feed | None = None
        self.shape: tuple[int, ...] = ()
        self.left = 0

    def more(self) -> bool:
        """Begin a group; returns whether there is anything in it."""
        self._look()
        if self.next is None:
            return False
        self.shape, self.left = self.next.shape, _AT_ONCE
        return True

    def get_next(self) -> dict[str, Feed] | None:
        """Return the next input of the group, or None at its end."""
        self._look()
        if self.next is None or self.left == 0 or self.next.shape != self.shape:
            return None
        feed, self.next, self.left = self.next, None, self.left - 1
        return {self.name: feed}

    def _look(self) -> None:
        if self.next is None:
            self.next = next(self.source, None)

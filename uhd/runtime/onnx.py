"""Run a detector's ONNX file with onnxruntime."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from uhd.decode import decode
from uhd.errors import UserError
from uhd.resize import input_channels
from uhd.runtime.predictor import Prediction, Predictor
from uhd.runtime.raw_output import is_raw, raw_map, read_layout
from uhd.runtime.spec import ModelSpec

if TYPE_CHECKING:
    import onnxruntime

MERGED = "score_classid_cxcywh"


class OnnxPredictor(Predictor):
    """A model with the merged output ``score_classid_cxcywh`` [B, K, 6], or with raw maps, anchors and their scale.

    Args:
        path: the file; its metadata says how to feed it.
        threads: of onnxruntime. One, without spinning, is fastest for networks well below a millisecond.
        known: fields of :class:`ModelSpec` that replace the file's metadata (``resize_mode=...``).

    Raises:
        UserError: not an ONNX file, or not a detector of these forms.
    """

    def __init__(self, path: str | Path, threads: int = 1, **known: Any) -> None:
        path = Path(path)
        self.session = open_session(path, threads)
        feed = self.session.get_inputs()
        self.outputs: list[str] = [output.name for output in self.session.get_outputs()]
        if len(feed) != 1 or len(feed[0].shape) != 4 or not (self.outputs == [MERGED] or is_raw(self.outputs)):
            raise UserError(
                f"{path}: outputs {', '.join(self.outputs)}; a detector has the one output {MERGED}, or raw maps "
                f"with anchors and wh_scale: write it again with the command export"
            )
        self.input_name: str = feed[0].name
        batch, channels, height, width = feed[0].shape
        table: dict[str, str] = self.session.get_modelmeta().custom_metadata_map
        if isinstance(height, int) and isinstance(width, int):
            known["input_size"] = _agree(path, known.get("input_size"), (height, width))
        elif not table.get("img_size") and known.get("input_size") is None:
            raise UserError(f"{path}: does not say its input size; give --img-size")
        if not table.get("resize_mode") and known.get("resize_mode") is None:
            raise UserError(f"{path}: does not say how images are resized; give --resize-mode")
        try:
            self.spec = ModelSpec.from_metadata(table, **known)
            self._layout = None if self.outputs == [MERGED] else read_layout(self._probe(channels), table)
        except (ValueError, TypeError, UserError) as error:
            raise UserError(f"{path}: cannot be used as a detector: {error}") from None
        if isinstance(channels, int) and channels != input_channels(self.spec.resize_mode):
            raise UserError(
                f"{path}: takes {channels} channels but {self.spec.resize_mode} gives "
                f"{input_channels(self.spec.resize_mode)}; give the --resize-mode it was trained with"
            )
        self.batch = batch if isinstance(batch, int) else None

    def infer(self, batch: NDArray[np.float32]) -> list[Prediction]:
        """Run the network; see :meth:`Predictor.infer`. A file with a fixed batch is run as often as needed."""
        step, count = self.batch or len(batch), len(batch)
        if count == step:
            return self._run(batch)
        found: list[Prediction] = []
        for start in range(0, count, step):
            part = batch[start : start + step]
            if len(part) < step:
                part = np.concatenate([part, np.zeros((step - len(part), *part.shape[1:]), np.float32)])
            found += self._run(part)
        return found[:count]

    def _run(self, batch: NDArray[np.float32]) -> list[Prediction]:
        results = self.session.run(None, {self.input_name: batch})
        if self._layout is None:
            return [self._read(rows) for rows in results[0]]
        tensors = dict(zip(self.outputs, results, strict=True))
        boxes, scores = decode(raw_map(tensors, self._layout), self._layout)
        return list(zip(boxes, scores, strict=True))

    def _read(self, rows: NDArray[np.float32]) -> Prediction:
        half = rows[:, 4:6] / 2
        boxes = np.concatenate([rows[:, 2:4] - half, rows[:, 2:4] + half], 1)
        class_ids = rows[:, 1].astype(np.int64)
        # A file of the original does not name its classes: ids beyond the names must not be lost.
        classes = max(len(self.spec.class_names), int(class_ids.max(initial=0)) + 1)
        if classes == 1:
            return boxes, rows[:, :1]
        scores = np.zeros((len(rows), classes), np.float32)
        scores[np.arange(len(rows)), class_ids] = rows[:, 0]
        return boxes, scores

    def _probe(self, channels: int | str) -> dict[str, NDArray[np.float32]]:
        feed = self.session.get_inputs()[0]
        count = channels if isinstance(channels, int) else input_channels(self.spec.resize_mode)
        shape = (feed.shape[0] if isinstance(feed.shape[0], int) else 1, count, *self.spec.input_size)
        results = self.session.run(None, {self.input_name: np.zeros(shape, np.float32)})
        return dict(zip(self.outputs, results, strict=True))


def open_session(path: Path, threads: int = 1) -> onnxruntime.InferenceSession:
    """Open an ONNX file on the CPU, sequential, without spinning threads.

    Raises:
        UserError: missing, or not a model onnxruntime can load.
    """
    import onnxruntime as ort

    if not path.is_file():
        raise UserError(f"{path}: no such model")
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001  onnxruntime's exceptions share no base class
        reason = " ".join(str(error).split())[:120]
        raise UserError(f"{path}: not a model onnxruntime can load ({reason})") from None


def _agree(path: Path, asked: tuple[int, int] | None, built: tuple[int, int]) -> tuple[int, int]:
    if asked is not None and tuple(asked) != built:
        raise UserError(f"{path}: was built for {built[0]}x{built[1]}, not {asked[0]}x{asked[1]}; leave out --img-size")
    return built

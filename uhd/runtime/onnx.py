"""Run a detector's ONNX file with onnxruntime."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from uhd.card import ModelCard
from uhd.errors import UserError
from uhd.resize import input_channels, to_network
from uhd.runtime.original_files import has_old_names, present_names, reading
from uhd.runtime.outputs import ROWS, can_read, reader_of
from uhd.runtime.predictor import Prediction
from uhd.runtime.reopened import ReopenedPredictor

if TYPE_CHECKING:
    import onnxruntime

# What the names of inputs say in files without metadata.
_INPUT_MODES = {
    "input_yuv422": "opencv_inter_nearest_yuv422",
    "input_y": "opencv_inter_nearest_y",
    "input_y_bin": "opencv_inter_nearest_y_bin",
    "input_y_tri": "opencv_inter_nearest_y_tri",
}
# How raw outputs are read.
_READING = ("score_mode", "quality_power")


class OnnxPredictor(ReopenedPredictor):
    """A model file of any form that :func:`uhd.export.onnx.export.export_onnx` writes, or of the original.

    Args:
        path: the file, whose metadata says how to feed it; or a graph as bytes.
        threads: of onnxruntime. One, without spinning, is fastest for networks well below a millisecond.
        known: fields of :class:`ModelCard` that replace the file's metadata (``resize_mode=...``), and
            ``score_mode`` and ``quality_power`` of raw outputs.

    Raises:
        UserError: not an ONNX file, or not a detector of these forms.
    """

    def __init__(self, path: str | Path | bytes, threads: int = 1, **known: Any) -> None:
        self._made_with(path=path, threads=threads, **known)
        # A pool of threads does not come along into a forked process, and a run there would wait for it for ever.
        self.survives_fork = threads == 1
        source = path if isinstance(path, bytes) else Path(path)
        self.session = open_session(source, threads)
        where = "the graph" if isinstance(source, bytes) else str(source)
        feed = self.session.get_inputs()
        self._asked = [output.name for output in self.session.get_outputs()]
        self.outputs: list[str] = self._asked
        if has_old_names(self.outputs):
            self.outputs = present_names(self.outputs, source if isinstance(source, bytes) else source.read_bytes())
        if len(feed) != 1 or len(feed[0].shape) != 4 or not can_read(self.outputs):
            raise UserError(
                f"{where}: outputs {', '.join(self.outputs)}; a detector has the one output {ROWS}, or raw maps "
                f"with anchors and wh_scale: write it again with the command export"
            )
        self.input_name: str = feed[0].name
        self.takes_bytes = feed[0].type == "tensor(uint8)"
        batch, channels, height, width = feed[0].shape
        self.batch = batch if isinstance(batch, int) else None
        given = {name: str(value) for name in _READING if (value := known.pop(name, None)) is not None}
        table = reading(self.outputs, dict(self.session.get_modelmeta().custom_metadata_map), given, source, where)
        self.resizes = not isinstance(height, int) and table.get("dynamic_resize", "").lower() == "true"
        if isinstance(height, int) and isinstance(width, int):
            known["input_size"] = _agree(where, known.get("input_size"), (height, width))
        elif self.resizes and table.get("img_size") and known.get("input_size") is not None:
            raise UserError(f"{where}: reduces frames to {table['img_size']} itself; leave out --img-size")
        elif not table.get("img_size") and known.get("input_size") is None:
            raise UserError(f"{where}: does not say its input size; give --img-size")
        if not table.get("resize_mode") and known.get("resize_mode") is None:
            if self.input_name not in _INPUT_MODES:
                raise UserError(f"{where}: does not say how images are resized; give --resize-mode")
            known["resize_mode"] = _INPUT_MODES[self.input_name]
        try:
            self.spec = ModelCard.from_metadata(table, **known)
            self._read = reader_of(self.outputs, table, len(self.spec.class_names), lambda: self._probe(channels))
        except (ValueError, TypeError, UserError) as error:
            raise UserError(f"{where}: cannot be used as a detector: {error}") from None
        if isinstance(channels, int) and channels != input_channels(self.spec.resize_mode):
            raise UserError(
                f"{where}: takes {channels} channels but {self.spec.resize_mode} gives "
                f"{input_channels(self.spec.resize_mode)}; give the --resize-mode it was trained with"
            )

    def preprocess(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Return the input (B, C, h, w) in [0, 1] for RGB images (H, W, 3) of any size.

        A file that resizes gets one frame whole, several at the size it would reduce them to.
        """
        if self.resizes and len(images) == 1:
            frame, mode = images[0], self.spec.resize_mode
            # Packed YUV comes in pairs of columns; cameras give no odd width.
            if input_channels(mode) != 2 or frame.shape[1] % 2 == 0:
                return to_network(frame[None], mode)
        return super().preprocess(images)

    def infer(self, batch: NDArray[np.float32]) -> list[Prediction]:
        """Run the network on (B, C, h, w); see :meth:`Predictor.infer`. A fixed batch is run as often as needed."""
        step, count = self.batch or max(1, len(batch)), len(batch)
        if count == step:
            return self.infer_feed(self.feed(batch))
        found: list[Prediction] = []
        for start in range(0, count, step):
            part = batch[start : start + step]
            if len(part) < step:
                part = np.concatenate([part, np.zeros((step - len(part), *part.shape[1:]), np.float32)])
            found += self._read(self._run(part))
        return found[:count]

    def feed(self, batch: NDArray[np.float32]) -> NDArray[np.generic]:
        """Return what the file itself takes for a batch in [0, 1]: the same, or bytes."""
        return np.rint(batch * 255).astype(np.uint8) if self.takes_bytes else batch

    def infer_feed(self, feed: NDArray[np.generic]) -> list[Prediction]:
        """Run the network on what :meth:`feed` returned for as many images as the file takes."""
        return self._read(self._outputs_of(feed))

    def _run(self, batch: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        return self._outputs_of(self.feed(batch))

    def _outputs_of(self, feed: NDArray[np.generic]) -> dict[str, NDArray[np.float32]]:
        self._arrive()
        return dict(zip(self.outputs, self.session.run(self._asked, {self.input_name: feed}), strict=True))

    def _probe(self, channels: int | str) -> dict[str, NDArray[np.float32]]:
        count = channels if isinstance(channels, int) else input_channels(self.spec.resize_mode)
        return self._run(np.zeros((self.batch or 1, count, *self.spec.input_size), np.float32))


def open_session(path: Path | bytes, threads: int = 1) -> onnxruntime.InferenceSession:
    """Open an ONNX file, or a graph as bytes, on the CPU, sequential, without spinning threads.

    Raises:
        UserError: missing, or not a model onnxruntime can load.
    """
    import onnxruntime as ort

    if isinstance(path, Path) and not path.is_file():
        raise UserError(f"{path}: no such model")
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        source = str(path) if isinstance(path, Path) else path
        return ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001  onnxruntime's exceptions share no base class
        reason = " ".join(str(error).split())[:120]
        named = str(path) if isinstance(path, Path) else "the graph"
        raise UserError(f"{named}: not a model onnxruntime can load ({reason})") from None


def _agree(where: str, asked: tuple[int, int] | None, built: tuple[int, int]) -> tuple[int, int]:
    if asked is not None and tuple(asked) != built:
        raise UserError(
            f"{where}: was built for {built[0]}x{built[1]}, not {asked[0]}x{asked[1]}; leave out --img-size"
        )
    return built

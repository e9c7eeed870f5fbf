"""Run a detector's ``.tflite`` file with the LiteRT interpreter."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from uhd.card import ModelCard
from uhd.errors import UserError
from uhd.resize import format_size, input_channels
from uhd.runtime.drop_in import OUTPUT
from uhd.runtime.original_files import reading
from uhd.runtime.outputs import ROWS, can_read, reader_of
from uhd.runtime.predictor import Prediction
from uhd.runtime.quiet import quietly
from uhd.runtime.raw_output import CONSTANTS, PARTS
from uhd.runtime.reopened import ReopenedPredictor

Array = NDArray[np.float32]
METADATA = "uhd"  # name of the buffer in the file that holds a JSON table of text values
_READING = ("score_mode", "quality_power")


class LitertPredictor(ReopenedPredictor):
    """A file of any form that ``uhd export --format litert`` writes, or one that onnx2tf made of raw outputs.

    Maps are height x width x channels in the file. Integer inputs and outputs are converted with their scale and zero
    point. A file without our metadata takes ``anchors`` and ``wh_scale`` from ``NAME_anchors.npy`` and
    ``NAME_wh_scale.npy`` beside it, as the original's demo does. The interpreter's tensors are its own: threads that
    share it take turns.

    Args:
        path: the file, or its content.
        threads: of the interpreter.
        known: fields of :class:`ModelCard` that replace the file's metadata, and ``score_mode`` and ``quality_power``
            of raw outputs.

    Raises:
        UserError: not a LiteRT file, or not a detector of these forms.
        ModuleNotFoundError: ai-edge-litert is not installed.
    """

    def __init__(self, path: str | Path | bytes, threads: int = 1, **known: Any) -> None:
        self._made_with(path=path, threads=threads, **known)
        self.survives_fork = threads == 1  # see OnnxPredictor
        path = path if isinstance(path, bytes) else Path(path)
        where = "the model" if isinstance(path, bytes) else str(path)
        self.interpreter, table = open_interpreter(path, threads)
        self._turn = threading.Lock()
        given = {name: str(value) for name in _READING if (value := known.pop(name, None)) is not None}
        feed = self.interpreter.get_input_details()
        if len(feed) != 1 or len(feed[0]["shape"]) != 4 or feed[0]["shape"][0] != 1:
            raise UserError(f"{where}: a detector takes one image as 1 x height x width x channels")
        self.feed = feed[0]
        _, height, width, channels = (int(side) for side in self.feed["shape"])
        asked = known.get("input_size")
        if asked is not None and tuple(asked) != (height, width):
            raise UserError(f"{where}: was built for {height}x{width}, not {format_size(asked)}; leave out --img-size")
        known["input_size"] = (height, width)
        if not table.get("resize_mode") and known.get("resize_mode") is None:
            raise UserError(f"{where}: does not say how images are resized; give --resize-mode")
        self.constants = _constants(None if isinstance(path, bytes) else path, table)
        self.outputs = _named_outputs(self.interpreter, self.constants)
        table = reading([*self.outputs, *self.constants], table, given, path, where)
        try:
            self.spec = ModelCard.from_metadata(table, **known)
            names = [*self.outputs, *self.constants]
            if not can_read(list(self.outputs) if {ROWS, OUTPUT} & self.outputs.keys() else names):
                raise ValueError(_unreadable(names))
            self._read = reader_of(names, table, len(self.spec.class_names), self._probe)
        except (ValueError, TypeError, UserError) as error:
            raise UserError(f"{where}: cannot be used as a detector: {error}") from None
        if channels != input_channels(self.spec.resize_mode):
            raise UserError(
                f"{where}: takes {channels} channels but {self.spec.resize_mode} gives "
                f"{input_channels(self.spec.resize_mode)}; give the --resize-mode it was trained with"
            )

    def infer(self, batch: Array) -> list[Prediction]:
        """Run the network on (B, C, h, w), one image after the other; see :meth:`Predictor.infer`."""
        self._arrive()
        return [self._read(self._run(image))[0] for image in batch]

    def _run(self, image: Array) -> dict[str, Array]:
        pixels = np.ascontiguousarray(image.transpose(1, 2, 0)[None])
        found = {}
        with self._turn:
            self.interpreter.set_tensor(self.feed["index"], quantised(pixels, self.feed))
            self.interpreter.invoke()
            read = {name: self.interpreter.get_tensor(detail["index"]) for name, detail in self.outputs.items()}
        for name, detail in self.outputs.items():
            values = real(read[name], detail)
            found[name] = np.ascontiguousarray(values.transpose(0, 3, 1, 2)) if values.ndim == 4 else values
        return {**found, **self.constants}

    def _probe(self) -> dict[str, Array]:
        return self._run(np.zeros((input_channels(self.spec.resize_mode), *self.spec.input_size), np.float32))


def open_interpreter(path: Path | bytes, threads: int = 1) -> tuple[Any, dict[str, str]]:
    """Return an interpreter with its tensors allocated, and the file's own metadata.

    Raises:
        UserError: missing, or not a model that LiteRT can load.
        ModuleNotFoundError: ai-edge-litert is not installed.
    """
    from ai_edge_litert.interpreter import Interpreter

    if isinstance(path, Path) and not path.is_file():
        raise UserError(f"{path}: no such model")
    content, where = (path.read_bytes(), str(path)) if isinstance(path, Path) else (path, "the model")
    # The identifier of the format; the readers below do not check what they are given.
    if content[4:8] != b"TFL3":
        raise UserError(f"{where}: not a LiteRT model")
    try:
        table = read_metadata(content)
        with quietly():
            interpreter = Interpreter(model_content=content, num_threads=threads)
            interpreter.allocate_tensors()
    except Exception as error:  # noqa: BLE001  a damaged file fails in many ways
        raise UserError(f"{where}: not a model LiteRT can load ({' '.join(str(error).split())[:120]})") from None
    return interpreter, table


def read_metadata(content: bytes) -> dict[str, str]:
    """Return the table that our exports put into a ``.tflite``; empty for other files."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.Model.GetRootAs(content, 0)
    for i in range(model.MetadataLength()):
        entry = model.Metadata(i)
        if entry.Name() == METADATA.encode():
            buffer = model.Buffers(entry.Buffer())
            # Quantisers put the content of buffers behind the rest of the file.
            start, size = buffer.Offset(), buffer.Size()
            data = content[start : start + size] if start > 1 else buffer.DataAsNumpy().tobytes()
            table = json.loads(data)
            return {str(key): str(value) for key, value in table.items()}
    return {}


def describe(path: Path) -> dict[str, Any]:
    """Return what a file says of itself, for people; see :func:`open_interpreter` for errors.

    Raises:
        UserError: also where ai-edge-litert is not installed.
    """
    try:
        interpreter, table = open_interpreter(path)
    except ModuleNotFoundError:
        raise UserError(f"{path}: a .tflite file needs ai-edge-litert: pip install 'ai-edge-litert'") from None
    signatures = interpreter.get_signature_list()
    runner = interpreter.get_signature_runner(next(iter(signatures))) if signatures else None
    named = {} if runner is None else {**runner.get_input_details(), **runner.get_output_details()}
    details = {
        **{detail["name"]: detail for detail in interpreter.get_input_details()},
        **{detail["name"]: detail for detail in interpreter.get_output_details()},
    }
    tensors = {
        name: f"{detail['shape'].tolist()} {detail['dtype'].__name__}"
        + (
            f", scale {detail['quantization'][0]:.6g}, zero point {detail['quantization'][1]}"
            * bool(detail["quantization"][0])
        )
        for name, detail in (named or details).items()
    }
    return {"file": str(path), "tensors": tensors, "metadata": table}


def says_resize_mode(path: Path) -> bool:
    """Return whether a file says how images are resized; False too where it cannot be read, as loading it will tell."""
    try:
        return bool(open_interpreter(path)[1].get("resize_mode"))
    except (UserError, ModuleNotFoundError):
        return False


def quantised(values: Array, detail: Mapping[str, Any]) -> NDArray[Any]:
    """Return values as a tensor stores them: ``round(x / scale + zero point)`` within its range, floats as they are."""
    if np.issubdtype(detail["dtype"], np.floating):
        return np.asarray(values, detail["dtype"])
    scale, zero = detail["quantization"]
    limit = np.iinfo(detail["dtype"])
    whole: NDArray[Any] = np.clip(np.rint(values / scale + zero), limit.min, limit.max)
    return whole.astype(detail["dtype"])


def real(values: NDArray[Any], detail: Mapping[str, Any]) -> Array:
    """Return the numbers that a tensor's integers stand for."""
    if np.issubdtype(values.dtype, np.floating):
        return np.asarray(values, np.float32)
    scale, zero = detail["quantization"]
    return np.asarray((values.astype(np.float32) - zero) * np.float32(scale), np.float32)


def _constants(path: Path | None, table: Mapping[str, str]) -> dict[str, Array]:
    """Return anchors and wh_scale, from the metadata or from the files beside the model."""
    if all(table.get(name) for name in CONSTANTS):
        return {name: np.asarray(json.loads(table[name]), np.float32) for name in CONSTANTS}
    if path is None:
        return {}
    words = path.stem.split("_")
    # NAME_full_integer_quant.tflite goes with NAME_anchors.npy.
    for stem in ("_".join(words[:count]) for count in range(len(words), 0, -1)):
        files = {name: path.with_name(f"{stem}_{name}.npy") for name in CONSTANTS}
        if all(file.is_file() for file in files.values()):
            try:
                return {name: np.load(file, allow_pickle=False).astype(np.float32) for name, file in files.items()}
            except (ValueError, OSError, EOFError) as error:
                raise UserError(f"{files['anchors']}, {files['wh_scale']}: cannot be read: {error}") from None
    return {}


def _named_outputs(interpreter: Any, constants: dict[str, Array]) -> dict[str, Any]:
    """Return the outputs by the names that :mod:`uhd.runtime.outputs` knows; constant ones move to ``constants``."""
    details = interpreter.get_output_details()
    signatures = interpreter.get_signature_list()
    if len(signatures) == 1:
        named = dict(interpreter.get_signature_runner(next(iter(signatures))).get_output_details())
    else:
        named = {detail["name"].removeprefix("serving_default_").split(":")[0]: detail for detail in details}
    if len(named) == len(details) and (OUTPUT in named or can_read([*named, *constants])):
        return named
    # Names were lost in conversion: a (A, 2) output is a constant, and the order is that of the ONNX file.
    tables = [detail for detail in details if len(detail["shape"]) == 2]
    if len(tables) == 2 and not constants:
        interpreter.invoke()
        for name, detail in zip(CONSTANTS, tables, strict=True):
            constants[name] = real(interpreter.get_tensor(detail["index"]), detail).copy()
    maps = [detail for detail in details if len(detail["shape"]) == 4]
    names = _by_channels([int(detail["shape"][3]) for detail in maps], len(constants.get("anchors", ())))
    return dict(zip(names, maps, strict=True)) if names else named


def _by_channels(channels: Sequence[int], anchors: int) -> list[str]:
    """Return names for maps by their channels; none where they do not tell."""
    if not anchors:
        return []
    if len(channels) == 1:
        return ["txtywh_obj_quality_cls_x8" if channels[0] >= 7 * anchors else "txtywh_obj_cls_x8"]
    if channels.count(4 * anchors) != 1 or len(channels) > len(PARTS):
        return []
    # Of two maps beside the boxes one is the classes; the score is the same whether the other is obj or quality.
    rest = {2: ["obj"], 3: ["obj", "cls"], 4: ["obj", "quality", "cls"]}[len(channels)]
    return ["box" if count == 4 * anchors else rest.pop(0) for count in channels]


def _unreadable(names: Sequence[str]) -> str:
    missing = " and ".join(f"NAME_{name}.npy" for name in CONSTANTS)
    return (
        f"outputs {', '.join(names)} are not those of a detector; raw maps need {missing} beside the file, "
        "or write it again with uhd export --format litert"
    )

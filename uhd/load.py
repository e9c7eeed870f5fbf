"""``load(path)``: any model file becomes a detector; a framework is imported when its file type is asked for."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from uhd.errors import UserError, install_hint, nearest
from uhd.model_file import PACKAGED, model_file
from uhd.task_of_file import task_of

if TYPE_CHECKING:
    from uhd.runtime.detector import Detector
    from uhd.runtime.predictor import Predictor

DEFAULT_MODEL = f"{PACKAGED['package']}.onnx"
# (suffix, task of the card) -> module, class, and the extra of this package that installs what it needs.
_PREDICTORS = {
    (".onnx", "detect"): ("uhd.runtime.onnx", "OnnxPredictor", ""),
    (".safetensors", "detect"): ("uhd.models.predictor", "TorchPredictor", "train"),
    (".pt", "detect"): ("uhd.models.predictor", "TorchPredictor", "train"),
    (".espdl", "detect"): ("uhd.export.espdl.simulator", "EspdlPredictor", "espdl"),
    (".tflite", "detect"): ("uhd.runtime.litert", "LitertPredictor", ""),
    (".keras", "detect"): ("uhd.keras_detector.predictor", "KerasPredictor", "keras"),
    (".c", "detect"): ("uhd.export.c.predictor", "CPredictor", ""),
    (".onnx", "refer"): ("uhd.refer.onnx_finder", "OnnxFinder", ""),
    (".safetensors", "refer"): ("uhd.refer.torch_finder", "open_finder", "train"),
}
_COMPILED = (".c",)


def default_model() -> Path:
    """Return the model that comes with the package.

    Raises:
        UserError: this installation has none.
    """
    folder = Path(str(files("uhd"))) / "weights"
    found = sorted(folder.glob("*.onnx"))
    if not found:
        raise UserError(f"{folder}: no model comes with this installation; give the path of one")
    return folder / DEFAULT_MODEL if folder / DEFAULT_MODEL in found else found[0]


def load(
    path: str | Path | Sequence[str | Path | None] | None = None,
    *,
    compile: bool = False,
    tta: str = "none",
    **known: Any,
) -> Detector:
    """Load a model, or several as an ensemble. No code from a file is run.

    A model that finds the one who is meant becomes a :class:`uhd.refer.referrer.Referrer`, all others a detector.

    Args:
        path: ``.onnx``, ``.safetensors``, ``.pt``, ``.tflite``, ``.keras`` or ``.espdl``, or the folder of a run,
            whose best model it means; None takes the model in the package, ``small`` and ``nano`` the smaller ones. A
            ``.c`` is compiled and run, so only one that an export of this user wrote is taken without ``compile``. A
            list of them is an ensemble, whose answers are fused; see :class:`uhd.runtime.ensemble.EnsemblePredictor`.
        compile: compile and run a ``.c`` of whatever origin.
        tta: ``mirror`` also looks at every image mirrored, and fuses the answers.
        known: options of the runtime (``threads=2``) and what replaces the file's metadata (``resize_mode=...``,
            ``nms_type="soft-gaussian"``).

    Raises:
        UserError: unknown suffix, missing or unreadable file, a task that cannot be loaded, models that make no
            ensemble, or the framework is not installed.

    Example:
        >>> import uhd
        >>> people = uhd.load()("photo.jpg")  # doctest: +SKIP
        >>> people = uhd.load(["a.onnx", "b.onnx"], tta="mirror")("photo.jpg")  # doctest: +SKIP
    """
    from uhd.runtime.detector import Detector, check_share

    for name in ("conf_thresh", "nms_iou"):
        check_share(name, known.get(name))
    if isinstance(known.get("class_names"), str):  # its letters would be the names
        raise UserError(f"class_names is a list of names such as ['person'], not {known['class_names']!r}")
    paths = list(path) if isinstance(path, Sequence) and not isinstance(path, str) else [path]
    if len(paths) == 1 and tta == "none":
        found = _load_one(paths[0], compile, known)
        if not hasattr(found, "ask_texts"):
            return Detector(found)
        # Said to be a detector, which nearly every model is; editors could complete nothing of a union.
        return cast("Detector", import_module("uhd.refer.referrer").Referrer(found))
    from uhd.runtime.ensemble import combine

    if not paths:
        raise UserError("an empty list names no model; the one in the package is load()")
    # The answers are joined by these; each model drops its own duplicates as its file says.
    kind, iou = known.pop("nms_type", None), known.pop("nms_iou", None)
    members = [_load_one(each, compile, known) for each in paths]
    for each, member in zip(paths, members, strict=True):
        if hasattr(member, "ask_texts"):
            raise UserError(f"{each}: finds the one person who is meant; load it alone, without another model or tta")
    return Detector(combine(members, tta, kind, iou))


def _load_one(path: str | Path | None, compile: bool, known: dict[str, Any]) -> Predictor:
    if "://" in str(path):
        raise UserError(f"{path}: models are read from files; fetch it first (curl -LO {path})")
    path = default_model() if path is None else model_file(path)
    suffix = path.suffix.lower()
    suffixes = list(dict.fromkeys(each for each, _ in _PREDICTORS))
    if suffix not in suffixes:
        known_names = f"{', '.join(suffixes)}, run folders and {', '.join(PACKAGED)}"
        raise UserError(f"{path}: not a model file; known are {known_names}")
    if not path.is_file():
        raise UserError(f"{path}: there is no such file")
    known = {name: value for name, value in known.items() if value is not None}
    threads = known.get("threads", 1)
    if isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
        raise UserError(f"threads is a whole number of at least 1, not {threads!r}")
    if "heads" in known and suffix not in (".pt", ".safetensors"):
        raise UserError(f"{path}: its attention heads are built in; leave out --heads")
    if suffix in _COMPILED and not compile and not import_module("uhd.export.c.written_here").is_known(path):
        raise UserError(
            f"{path}: running C means compiling it, and C may do anything; if you trust it: load(path, compile=True), "
            "or uhd compare --run-c"
        )
    task = task_of(path)
    if (suffix, task) not in _PREDICTORS:
        raise UserError(f"{path}: is a model for the task {task!r}, which this version of uhd cannot run")
    module, name, extra = _PREDICTORS[suffix, task]
    try:
        kind: Callable[..., Predictor] = getattr(import_module(module), name)
        _check_options(kind, known, task)
        found = kind(path, **known)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing == "uhd":
            raise
        how = install_hint(extra) if extra else f"pip install '{missing.replace('_', '-')}'"
        raise UserError(f"{path}: a {suffix} file needs {missing}: {how}") from None
    return found


def _check_options(kind: Callable[..., Any], known: dict[str, Any], task: str) -> None:
    """Refuse options that neither the runtime has nor the card of a detector.

    Raises:
        UserError: names the option, and the one that was meant.
    """
    from uhd.card import ModelCard  # brings NumPy, which ``import uhd`` does without

    own = set(inspect.signature(kind).parameters) - {"path", "source", "known"}
    fields = {field.name for field in dataclasses.fields(ModelCard)}
    options = own | fields | {"score_mode", "quality_power", "heads", "nms_type", "nms_iou"}
    wrong = next((name for name in known if name not in (own if task == "refer" else options)), None)
    if wrong in options:  # a detector's
        raise UserError(f"a model that finds the one who is meant takes {', '.join(sorted(own))}; leave out {wrong}")
    if wrong is not None:
        raise UserError(f"load has no option {wrong!r}{nearest(wrong, options)}; see help(uhd.load)")

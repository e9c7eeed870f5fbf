"""The five verbs for Python, named and spelled like those of the command line: ``load``, ``create_model``, ``train``,
``evaluate``, ``export``. Each imports what it needs when it is called."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast

if TYPE_CHECKING:
    from uhd.evaluation.report import Report
    from uhd.models.network import DetectorNetwork
    from uhd.runtime.detector import Detector

    Model: TypeAlias = str | Path | Detector | DetectorNetwork | "Run"


@dataclass(frozen=True)
class Run:
    """A training run.

    Attributes:
        folder: where its checkpoints, samples and logs are.
        metrics: what the last evaluation found; ``AP50`` and others, see :class:`uhd.Report`.
    """

    folder: Path
    metrics: Mapping[str, float] = field(default_factory=dict)

    @property
    def best(self) -> Path:
        """The best model file.

        Raises:
            UserError: the folder holds none.
        """
        from uhd.model_file import model_file

        return model_file(self.folder)

    def __fspath__(self) -> str:
        return str(self.folder)


def load(
    path: str | Path | Run | Sequence[str | Path | Run] | None = None,
    *,
    compile: bool = False,
    tta: str = "none",
    **known: Any,
) -> Detector:
    """Load a model file, or the best one of a run; None takes the model in the package. See :func:`uhd.load.load`.

    A file of the task refer becomes a :class:`uhd.refer.referrer.Referrer`, called with a picture and a prompt.

    Args:
        path: ``.onnx``, ``.safetensors``, ``.pt``, ``.tflite``, ``.espdl``, the folder of a run, or a :class:`Run`; a
            list of them is an ensemble, whose answers are fused.
        compile: compile and run a ``.c`` of whatever origin.
        tta: ``mirror`` also looks at every image mirrored, and fuses the answers.
        known: options of the runtime (``threads=2``) and what replaces the file's metadata (``resize_mode=...``).

    Raises:
        UserError: the file cannot be used, or what runs it is not installed.

    Example:
        >>> people = uhd.load()("photo.jpg", conf_thresh=0.4)  # doctest: +SKIP
    """
    from uhd.load import load as load_file
    from uhd.runtime.detector import Detector

    paths = path if isinstance(path, Sequence) and not isinstance(path, str) else [path]
    places = [each.folder if isinstance(each, Run) else each for each in paths]
    detector: object = load_file(places, compile=compile, tta=tta, **known)
    if not isinstance(detector, Detector):  # of the task refer
        return cast("Detector", detector)
    return type(detector)(detector.predictor, evaluate)


def create_model(name: str = "ultratinyod", **config: Any) -> DetectorNetwork:
    """Build a network with fresh weights.

    Args:
        name: ``ultratinyod``, ``cnn`` or ``transformer``.
        config: fields of its configuration, e.g. ``cnn_width=16``; those of ``uhd train --help``.

    Raises:
        UserError: unknown architecture, unknown or invalid field.
    """
    from uhd.models import create_model as create

    return create(name, **config)


def train(data: str | Path | None = None, *, preset: str = "uhd", **flags: Any) -> Run:
    """Train a detector, as ``uhd train`` does, in this process.

    Args:
        data: folder of images with labels, ``data.yaml`` or COCO ``.json``; None with ``resume``.
        preset: whose defaults.
        flags: those of ``uhd train --help``, words joined by ``_``: ``epochs=50``, ``cnn_width=16``, ``ckpt="x.pt"``.

    Raises:
        TypeError: a flag that does not exist.
        UserError: anything else that the user can mend, before anything is written.
        Interrupted: stopped by Ctrl-C; the run is saved and ``resume`` continues it.

    Example:
        >>> run = uhd.train("data.yaml", epochs=50, cnn_width=16)  # doctest: +SKIP
        >>> run.best, run.metrics["AP50"]  # doctest: +SKIP
    """
    from uhd.cli.python_flags import words_of
    from uhd.cli.train import flags_of, train_as

    own = flags_of("uhd.train", preset)
    done = train_as(own.resolve(words_of(own, flags, data)))
    return Run(done.folder, done.metrics)


def evaluate(model: Model, data: str | Path, **flags: Any) -> Report:
    """Measure a model on labelled images, as ``uhd val`` does; nothing is printed.

    Args:
        model: a file, a run or its folder, a detector (also an ensemble of several), or a network.
        data: folder of images with labels, ``data.yaml`` or COCO ``.json``.
        flags: those of ``uhd val --help``, words joined by ``_``: ``split="test"``.

    Raises:
        TypeError: a flag that does not exist.
        UserError: anything else that the user can mend.

    Example:
        >>> uhd.evaluate("people.onnx", "data.yaml").metrics["AP50"]  # doctest: +SKIP
    """
    from uhd.cli.python_flags import words_of
    from uhd.cli.val import SplitConfig, ValConfig, flags_of, measure
    from uhd.runtime.detector import Detector

    own = flags_of()
    if isinstance(model, Detector) and hasattr(model.predictor, "members"):  # an ensemble has no one file
        resolved = own.resolve(words_of(own, flags, data))
        return measure(resolved[ValConfig], resolved[SplitConfig], Path(data), model).report
    with model_path(model) as path:
        resolved = own.resolve(words_of(own, {**flags, "model": path}, data))
        return measure(resolved[ValConfig], resolved[SplitConfig], Path(data), known=_loaded_with(model)).report


def export(model: Model, path: str | Path, format: str = "onnx", **flags: Any) -> Path:
    """Write a model for other runtimes, as ``uhd export`` does.

    Args:
        model: a checkpoint, a run or its folder, a detector of a checkpoint, or a network.
        path: what is written; a folder for ``web`` and ``hub``.
        format: ``onnx``, ``onnx-int8``, ``litert``, ``espdl``, ``c``, ``web`` or ``hub``.
        flags: those of ``uhd export --format FORMAT --help``, words joined by ``_``: ``calibration="photos"``.

    Returns:
        ``path``; beside it is what belongs to the format, such as the ``.h`` of a ``.c``.

    Raises:
        TypeError: a flag that does not exist.
        UserError: anything else that the user can mend.

    Example:
        >>> uhd.export(run, "people.onnx")  # doctest: +SKIP
    """
    from uhd.cli.export import main
    from uhd.cli.python_flags import plain_words

    with model_path(model, (".safetensors",)) as source:
        words = plain_words({"output": path, "format": format, **flags})
        main([str(source), *words])
    return Path(path)


@contextmanager
def model_path(model: Model, suffixes: Collection[str] = (".onnx",)) -> Iterator[Path]:
    """Give a model as a file; a network without one is written into a folder that goes afterwards.

    Args:
        model: of any kind.
        suffixes: of which kinds one in the package may be.

    Raises:
        TypeError: not a model.
    """
    from uhd.model_file import model_file

    if isinstance(model, str | Path | Run):
        yield model_file(model.folder if isinstance(model, Run) else model, suffixes)
        return
    predictor = getattr(model, "predictor", None)
    source = getattr(predictor, "arguments", {}).get("path")
    if isinstance(source, str | Path):
        yield Path(source)
        return
    with tempfile.TemporaryDirectory(prefix="uhd-") as folder:
        yield _written(model, predictor, Path(folder) / "model.safetensors")


def _loaded_with(model: Any) -> dict[str, Any]:
    """Return the options by which a detector of a file differs from what the file says; none of any other model."""
    arguments: Mapping[str, Any] = getattr(getattr(model, "predictor", None), "arguments", {})
    # Its C was compiled and run once already. Neither threads nor the compiler's flags change an answer.
    trusted = {"compile": True} if arguments else {}
    return trusted | {name: value for name, value in arguments.items() if name not in ("path", "threads", "flags")}


def _written(model: Any, predictor: Any, path: Path) -> Path:
    from uhd.card import ModelCard
    from uhd.models.network import DetectorNetwork
    from uhd.models.weights import describe, save_weights

    network = getattr(predictor, "model", model)
    if not isinstance(network, DetectorNetwork):
        raise TypeError(f"{type(model).__name__} is no model: give a file, a run, a detector or a network")
    card = predictor.spec if predictor is not None else ModelCard()
    save_weights(path, network.state_dict(), describe(network, **card.to_checkpoint()))
    return path

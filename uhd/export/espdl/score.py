"""AP of the float model beside the simulated quantised ones, on the same labelled images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from uhd.card import ModelSpec
from uhd.data.config import DataConfig
from uhd.data.dataset import Dataset
from uhd.data.open import open_data, read_dataset
from uhd.evaluation.dataset import infer_images, truths_of
from uhd.evaluation.evaluate import evaluate
from uhd.runtime.predictor import Predictor

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Score:
    """One form of a model.

    Attributes:
        form: ``float``, ``int8``, ...
        ap50, ap: at IoU 0.5, and the mean over 0.5 to 0.95.
    """

    form: str
    ap50: float
    ap: float


def labelled(place: Path, spec: ModelSpec, classes: tuple[int, ...], val_split: float = 0.2) -> Dataset:
    """Return the validation part of a data set, or the part that the split sets aside (0: the split of training).

    Raises:
        UserError: no labels, or no validation images.
    """
    share = val_split if 0 < val_split < 1 else 0.2
    config = DataConfig(
        image_dir=place, train_split=1 - share, val_split=share, classes=classes, img_size=spec.input_size,
        resize_mode=spec.resize_mode,
    )  # fmt: skip
    opened = open_data(config)
    return read_dataset(opened.val, config, opened.report, progress=False)


def score(form: str, predictor: Predictor, dataset: Dataset) -> Score:
    """Score one form."""
    spec = predictor.spec
    images = dataset.network_images(spec.input_size, spec.resize_mode)
    found = infer_images(predictor, images)
    metrics = evaluate(found, truths_of(dataset), spec.class_names, spec.input_size[0]).metrics
    return Score(form, metrics["AP50"], metrics["AP"])


def to_text(scores: Sequence[Score], images: int) -> str:
    """Return a table; the first form is what the others are compared with."""
    width = max(len(each.form) for each in scores)
    lines = [f"{'form':<{width}}    AP50  change      AP  change  ({images} images, quantised forms simulated)"]
    first = scores[0]
    for each in scores:
        changes = [f"{each.ap50 - first.ap50:+.4f}", f"{each.ap - first.ap:+.4f}"] if each is not first else [""] * 2
        lines.append(f"{each.form:<{width}}  {each.ap50:.4f} {changes[0]:>7}  {each.ap:.4f} {changes[1]:>7}".rstrip())
    return "\n".join(lines)


class FloatGraph:
    """The float graph in onnxruntime; ``run`` is what :class:`RawMapPredictor` takes."""

    def __init__(self, model: onnx.ModelProto) -> None:
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = 1, 3
        # Not the blocked layout: it sums in an order that depends on the number of channels.
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
        self.session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        self.names = [output.name for output in self.session.get_outputs()]

    def run(self, batch: Array) -> dict[str, Array]:
        """Return the outputs for images (n, C, h, w), one at a time, by name."""
        feed = self.session.get_inputs()[0].name
        rows = [self.session.run(None, {feed: image[None]}) for image in batch]
        return {name: np.concatenate([row[i] for row in rows]) for i, name in enumerate(self.names)}

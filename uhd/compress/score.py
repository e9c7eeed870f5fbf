"""AP of a float model beside its smaller forms, on the same labelled images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from uhd.card import ModelSpec
from uhd.data.config import DataConfig
from uhd.data.dataset import Dataset
from uhd.data.open import open_data, read_dataset
from uhd.evaluation.dataset import infer_images, truths_of
from uhd.evaluation.evaluate import evaluate
from uhd.evaluation.part import SEED
from uhd.runtime.predictor import Predictor
from uhd.trained_on import TrainedOn


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
    drawn = spec.trained_on or TrainedOn()
    config = DataConfig(
        image_dir=place, train_split=1 - share, val_split=share, split_by=drawn.split_by, classes=classes,
        img_size=spec.input_size, resize_mode=spec.resize_mode,
    )  # fmt: skip
    opened = open_data(config, SEED if drawn.seed is None else drawn.seed)
    return read_dataset(opened.val, config, opened.report, progress=False)


def score(form: str, predictor: Predictor, dataset: Dataset) -> Score:
    """Score one form."""
    spec = predictor.spec
    images = dataset.network_images(spec.input_size, spec.resize_mode)
    found = infer_images(predictor, images)
    metrics = evaluate(found, truths_of(dataset), spec.class_names, spec.input_size[0]).metrics
    return Score(form, metrics["AP50"], metrics["AP"])


def to_text(scores: Sequence[Score], images: int, remark: str = "") -> str:
    """Return a table; the first form is what the others are compared with. A remark stands beside the images."""
    width = max(len(each.form) for each in scores)
    lines = [f"{'form':<{width}}    AP50  change      AP  change  ({images} images{remark and ', '}{remark})"]
    first = scores[0]
    for each in scores:
        changes = [f"{each.ap50 - first.ap50:+.4f}", f"{each.ap - first.ap:+.4f}"] if each is not first else [""] * 2
        lines.append(f"{each.form:<{width}}  {each.ap50:.4f} {changes[0]:>7}  {each.ap:.4f} {changes[1]:>7}".rstrip())
    return "\n".join(lines)

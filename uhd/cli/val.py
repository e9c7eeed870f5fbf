"""``uhd val``: measure a model on labelled images."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uhd.cli.flags import Flags, warn
from uhd.cli.output import claim_figure, claim_json, say_beside, write_json
from uhd.cli.predict_config import PredictConfig
from uhd.config import knob, same_knob
from uhd.config.groups import EnsembleFlags, JsonFile, ModelFile, RuntimeFlags, Thresholds, Unsaid
from uhd.data.config import DataConfig, parse_classes
from uhd.errors import UserError
from uhd.files import check_place
from uhd.nms.config import SuppressionFlags

if TYPE_CHECKING:
    from uhd.data.dataset import Dataset
    from uhd.evaluation.part import Part, Wanted
    from uhd.evaluation.report import Report
    from uhd.runtime.detector import Detector
    from uhd.runtime.predictor import Predictor

PARTS = ("val", "train", "test", "all")


@dataclass(frozen=True)
class SplitConfig:
    """Which images of a data set are measured."""

    split: str | None = knob(
        None, "part of the data (default: val; all where the data has no parts and was not trained on)", choices=PARTS
    )
    split_seed: int | None = knob(
        None, "seed of the split, where the data has none (default: that of the model's training)", minimum=0
    )
    seed: int | None = knob(None, "the same as --split-seed", minimum=0)
    train_split: float | None = knob(None, "share to train on (default: that of the training)", minimum=0, maximum=1)
    val_split: float | None = knob(None, "share to validate on (default: that of the training)", minimum=0, maximum=1)

    def wanted(self) -> Wanted:
        """Return what the user asked for."""
        from uhd.evaluation.part import Wanted

        seed = self.seed if self.split_seed is None else self.split_seed
        return Wanted(self.split, seed, self.train_split, self.val_split)


@dataclass(frozen=True)
class ValConfig(ModelFile, EnsembleFlags, SuppressionFlags, Unsaid, RuntimeFlags, JsonFile):
    """What is measured and where the result goes."""

    data: Path | None = knob(None, "folder of labelled images, or a data.yaml")
    classes: tuple[int, ...] = knob(
        (), "wanted class numbers (default: those of the model, else 0)", parse=parse_classes
    )
    conf_thresh: float = same_knob(Thresholds, "conf_thresh", 0.15, help="threshold of the original's mAP")
    nms_iou: float | None = same_knob(Thresholds, "nms_iou", None)
    at_precision: float = knob(0.9, "precision at which the recall is told", minimum=0, maximum=1)
    plots: Path | None = knob(None, "write curves as PNG into this folder")
    coco: bool = knob(False, "add the COCO numbers (faster-coco-eval)", shortcuts={"coco_eval": True})
    strict: bool = knob(False, "stop at the first bad image or label")
    score_mode: str | None = same_knob(PredictConfig, "score_mode", None)
    heads: int | None = same_knob(PredictConfig, "heads", None)


@dataclass(frozen=True, eq=False)
class Measured:
    """A report, with what it was measured by and on."""

    report: Report
    part: Part
    dataset: Dataset
    predictor: Predictor


def main(argv: Sequence[str]) -> int:
    """Measure; returns the exit code."""
    flags = flags_of()
    resolved = flags.resolve(argv)
    config = resolved[ValConfig]
    place = resolved.positional.get("place") or config.data
    if place is None:
        raise UserError("uhd val needs images: uhd val DIR [--model FILE]")
    data = DataConfig(image_dir=place)
    claim_json(config.json, data=data)
    if config.plots is not None:
        from uhd.evaluation.curves import CURVES

        check_place(config.plots, "--plots")
        claim_figure(config.plots / CURVES, data)
    done = measure(config, resolved[SplitConfig], place)
    for line in (*done.part.opened.report.lines(), *_headline(done.report.about), done.report.to_text()):
        say_beside(config.json, line)
    table = done.report.to_dict()
    if config.coco:
        from uhd.evaluation.coco import coco_metrics

        numbers = coco_metrics(done.predictor, done.dataset)
        table["COCO"] = numbers
        for name, value in numbers.items():
            say_beside(config.json, f"  COCO {name}  {value:.4f}")
    write_json(config.json, table)
    if config.plots is not None:
        from uhd.evaluation.curves import plot_curves

        say_beside(config.json, f"wrote {plot_curves(done.report, config.plots)}")
    return 0


def flags_of() -> Flags:
    """Return the flags of ``uhd val``."""
    flags = Flags("uhd val", "Measure a model on labelled images.", (ValConfig, SplitConfig))
    flags.add_positional("place", nargs="?", type=Path, help="folder of labelled images, or a data.yaml", like="data")
    return flags


def measure(
    config: ValConfig,
    split: SplitConfig,
    place: Path,
    detector: Detector | None = None,
    known: Mapping[str, Any] | None = None,
) -> Measured:
    """Measure a model on the part of the data that was asked for, or that suits it.

    Args:
        config: which model, and how it is run.
        split: which part.
        place: of the data.
        detector: in place of the files that ``config`` names.
        known: options that those are loaded with where ``config`` says nothing; see :func:`uhd.load.load`.

    Raises:
        UserError: the model or the data cannot be used.
    """
    from uhd.data.open import read_dataset
    from uhd.evaluation.dataset import evaluate_dataset
    from uhd.evaluation.part import choose_part
    from uhd.load import default_model, load
    from uhd.model_file import model_file

    files: list[str | Path | None] = [default_model() if config.model is None else model_file(config.model)]
    files += config.ensemble
    name = " + ".join(map(str, files)) if detector is None else "in memory"
    asked = {
        "nms_type": config.nms_type, "nms_iou": config.nms_iou, "resize_mode": config.resize_mode,
        "input_size": config.img_size, "score_mode": config.score_mode, "heads": config.heads,
    }  # fmt: skip
    options = dict(known or {}) | {name: value for name, value in asked.items() if value is not None}
    detector = detector or load(files, tta=config.tta, threads=config.threads, **options)
    card, members = detector.spec, getattr(detector.predictor, "members", (detector.predictor,))
    data = DataConfig(
        image_dir=place,
        classes=config.classes or card.classes or (0,),
        strict=config.strict,
        img_size=card.input_size,
        resize_mode=card.resize_mode,
    )
    part = choose_part(data, [each.spec for each in members], split.wanted())
    for line in part.warnings:
        warn(f"warning: {line}")
    dataset = read_dataset(part.records, data, part.opened.report)
    predictor = detector.predictor
    with_count = _counted(len(dataset))
    report = with_count(
        lambda watch: evaluate_dataset(predictor, dataset, config.conf_thresh, watch, config.at_precision)
    )
    about = {
        "model": name, "tta": config.tta, "nms": card.suppression.kind, "version": card.version,
        "input_size": list(card.input_size),
        "resize_mode": card.resize_mode, "precision": card.precision, "data": str(place), **part.describe(),
        "classes": list(data.classes), "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }  # fmt: skip
    return Measured(dataclasses.replace(report, about=about), part, dataset, predictor)


def _counted(count: int) -> Callable[[Callable[[Callable[[int], None]], Report]], Report]:
    """Return what runs an evaluation and, when it is stopped, says how far it came."""

    def run(action: Callable[[Callable[[int], None]], Report]) -> Report:
        done = [0]
        try:
            return action(lambda so_far: done.__setitem__(0, so_far))
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"after {done[0]} of {count} images; nothing was measured or written") from None

    return run


def _headline(about: dict[str, Any]) -> list[str]:
    """Return what was measured on what, for people."""
    split, how = about["split"], about["reason"]
    if split is not None:
        how += f": seed {split['seed']}, {split['val_split']:g} for val"
    size, classes = "x".join(map(str, about["input_size"])), ",".join(map(str, about["classes"]))
    return [
        f"{about['model']}  {about['version']}  {size} {about['resize_mode']} {about['precision']}",
        f"{about['data']}  part {about['part']} ({how})  classes {classes}  {about['date']}",
    ]

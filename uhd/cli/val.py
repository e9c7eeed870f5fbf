"""``uhd val``: measure a model on labelled images."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from uhd.cli.flags import Flags
from uhd.cli.output import JSON, claim
from uhd.config import knob
from uhd.data.config import parse_classes
from uhd.errors import UserError
from uhd.heads import SCORE_MODES
from uhd.resize import parse_size


@dataclass(frozen=True)
class ValConfig:
    """What is measured and where the result goes."""

    model: Path | None = knob(None, "model file (default: the one in the package)")
    data: Path | None = knob(None, "folder of labelled images, or a data.yaml")
    split: str = knob("val", "which part of the data", choices=("val", "train", "all"))
    classes: tuple[int, ...] = knob(
        (), "wanted class numbers (default: those of the model, else 0)", parse=parse_classes
    )
    seed: int = knob(42, "seed of the split, where the data set has none", minimum=0)
    conf_thresh: float = knob(0.15, "threshold of the original's mAP", minimum=0, maximum=1)
    json: Path | None = knob(None, "write the report as JSON")
    plots: Path | None = knob(None, "write curves as PNG into this folder")
    coco: bool = knob(False, "add the COCO numbers (faster-coco-eval)")
    strict: bool = knob(False, "stop at the first bad image or label")
    resize_mode: str | None = knob(None, "for a model file that does not say its own")
    img_size: tuple[int, int] | None = knob(None, "for a model file that does not say its own", parse=parse_size)
    score_mode: str | None = knob(
        None, "which branches make the score of raw outputs (default: as the file says)", choices=SCORE_MODES
    )
    heads: int | None = knob(None, "attention heads of a transformer whose file does not say", minimum=1)
    threads: int = knob(1, "threads of the runtime", minimum=1)


def main(argv: Sequence[str]) -> int:
    """Measure; returns the exit code."""
    flags = Flags("uhd val", "Measure a model on labelled images.", (ValConfig,))
    flags.add_positional("place", nargs="?", type=Path, help="folder of labelled images, or a data.yaml")
    resolved = flags.resolve(argv)
    config = resolved[ValConfig]
    place = resolved.positional.get("place") or config.data
    if place is None:
        raise UserError("uhd val needs images: uhd val DIR [--model FILE]")
    if config.json is not None:
        claim(config.json, JSON, [place])

    from uhd.data.config import DataConfig
    from uhd.data.open import open_data, read_dataset
    from uhd.evaluation.dataset import evaluate_dataset
    from uhd.load import load

    detector = load(
        config.model, threads=config.threads, resize_mode=config.resize_mode, input_size=config.img_size,
        score_mode=config.score_mode, heads=config.heads,
    )  # fmt: skip
    spec = detector.spec
    data = DataConfig(
        image_dir=place,
        classes=config.classes or spec.classes or (0,),
        strict=config.strict,
        img_size=spec.input_size,
        resize_mode=spec.resize_mode,
    )
    opened = open_data(data, config.seed)
    parts = {"val": opened.val, "train": opened.train, "all": [*opened.train, *opened.val]}
    dataset = read_dataset(parts[config.split], data, opened.report)
    report = evaluate_dataset(detector.predictor, dataset, config.conf_thresh)
    for line in opened.report.lines():
        print(line)
    print(report.to_text())
    if config.coco:
        from uhd.evaluation.coco import coco_metrics

        for name, value in coco_metrics(detector.predictor, dataset).items():
            print(f"  COCO {name}  {value:.4f}")
    if config.json is not None:
        config.json.write_text(json.dumps(report.to_dict(), indent=1), encoding="utf-8")
    if config.plots is not None:
        from uhd.evaluation.curves import plot_curves

        print(f"wrote {plot_curves(report, config.plots)}")
    return 0

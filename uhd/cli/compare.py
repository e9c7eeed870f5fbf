"""``uhd compare``: several model files side by side: size, latency, accuracy, difference of their outputs."""

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


@dataclass(frozen=True)
class CompareConfig:
    """What is compared on which images."""

    data: Path | None = knob(None, "folder of labelled images, or a data.yaml")
    split: str = knob("val", "which part of the data", choices=("val", "train", "all"))
    classes: tuple[int, ...] = knob(
        (), "wanted class numbers (default: those of the first model, else 0)", parse=parse_classes
    )
    seed: int = knob(42, "seed of the split, where the data set has none", minimum=0)
    images: int = knob(0, "use only so many images, evenly spread (0: all)", minimum=0)
    runs: int = knob(200, "timed runs of each stage", minimum=1)
    seconds: float = knob(60.0, "limit for all timing together", minimum=0)
    threads: int = knob(1, "threads of each runtime", minimum=1)
    json: Path | None = knob(None, "write the table as JSON")


def main(argv: Sequence[str]) -> int:
    """Compare; returns the exit code."""
    about = "Compare model files of any format on the same images; the last column is against the first file."
    flags = Flags("uhd compare", about, (CompareConfig,))
    flags.add_positional("files", nargs="*", type=Path, help="model files (.onnx .safetensors .pt .tflite .espdl)")
    resolved = flags.resolve(argv)
    config, files = resolved[CompareConfig], list(resolved.positional.get("files", []))
    if not files:
        raise UserError("which models? uhd compare A B --data DIR")
    if config.data is None:
        raise UserError("uhd compare needs labelled images: --data DIR")
    if config.json is not None:
        claim(config.json, JSON, [config.data, *files])

    import cv2

    from uhd.cli.bench import cpu_name
    from uhd.data.config import DataConfig
    from uhd.data.open import open_data, read_dataset
    from uhd.data.split import spread
    from uhd.evaluation.compare import compare, to_text
    from uhd.load import load

    cv2.setNumThreads(config.threads)
    names = _names(files)
    detectors = {name: load(file, threads=config.threads) for name, file in zip(names, files, strict=True)}
    spec = detectors[names[0]].spec
    data = DataConfig(
        image_dir=config.data,
        classes=config.classes or spec.classes or (0,),
        img_size=spec.input_size,
        resize_mode=spec.resize_mode,
    )
    opened = open_data(data, config.seed)
    records = {"val": opened.val, "train": opened.train, "all": [*opened.train, *opened.val]}[config.split]
    if config.images:
        records = [records[i] for i in spread(len(records), config.images)]
    dataset = read_dataset(records, data, opened.report)
    sizes = {name: file.stat().st_size for name, file in zip(names, files, strict=True)}
    predictors = {name: detector.predictor for name, detector in detectors.items()}
    rows = compare(predictors, sizes, dataset, config.runs, config.seconds)
    print(f"{len(dataset)} images of {config.data} ({config.split}); {cpu_name()}, {config.threads} thread(s); ms")
    print(to_text(rows))
    if any(file.suffix.lower() == ".espdl" for file in files):
        print("the times of .espdl files are those of the simulator, not of a chip")
    if config.json is not None:
        table = {
            "data": str(config.data), "split": config.split, "images": len(dataset), "cpu": cpu_name(),
            "threads": config.threads, "models": [row.to_dict() for row in rows],
        }  # fmt: skip
        config.json.write_text(json.dumps(table, indent=1), encoding="utf-8")
    return 0


def _names(files: Sequence[Path]) -> list[str]:
    """Return the shortest names that tell the files apart."""
    for depth in range(1, max(len(file.parts) for file in files) + 1):
        names = ["/".join(file.parts[-depth:]) for file in files]
        if len(set(names)) == len(names):
            return names
    raise UserError("the same file is named twice")

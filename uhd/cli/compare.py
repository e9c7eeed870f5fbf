"""``uhd compare``: several model files side by side: size, latency, accuracy, difference of their outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from uhd.cli.flags import Flags, warn
from uhd.cli.output import claim_json, say_beside, write_json
from uhd.cli.predict_config import PredictConfig
from uhd.cli.val import SplitConfig, ValConfig
from uhd.config import knob, same_knob
from uhd.errors import UserError
from uhd.model_file import model_file
from uhd.nms.config import SuppressionFlags

if TYPE_CHECKING:
    from uhd.card import ModelCard
    from uhd.data.config import DataConfig
    from uhd.data.dataset import Dataset
    from uhd.evaluation.part import Part, Wanted
    from uhd.runtime.predictor import Predictor


@dataclass(frozen=True)
class CompareConfig(SuppressionFlags):
    """What is compared on which images."""

    data: Path | None = same_knob(ValConfig, "data", None)
    classes: tuple[int, ...] = same_knob(
        ValConfig, "classes", (), help="wanted class numbers (default: those of the first model, else 0)"
    )
    images: int = knob(0, "use only so many images, evenly spread (0: all)", minimum=0)
    runs: int = knob(200, "timed runs of each stage", minimum=1)
    seconds: float = knob(60.0, "limit for all timing together", minimum=0)
    threads: tuple[int, ...] = same_knob(
        ValConfig, "threads", (1,), help="threads of each runtime; a list with commas measures each"
    )
    tiles: tuple[int, ...] = same_knob(
        PredictConfig, "tiles", (0,), group="options",
        help="search photographs in at most so many tiles; a list with commas measures each; 0 looks once",
    )  # fmt: skip
    json: Path | None = same_knob(ValConfig, "json", None, help="write the table as JSON (-: to standard output)")
    advise: bool = knob(False, "rank what was measured, files, threads and tiles, by time and AP")
    run_c: bool = knob(False, "compile and run .c files, whoever wrote them")


def main(argv: Sequence[str]) -> int:
    """Compare; returns the exit code."""
    about = "Compare model files of any format on the same images; the last column is against the first file."
    flags = Flags("uhd compare", about, (CompareConfig, SplitConfig))
    kinds = "model files (.onnx .safetensors .pt .tflite .espdl .c) or folders of runs"
    flags.add_positional("files", nargs="*", type=Path, help=kinds)
    resolved = flags.resolve(argv)
    config, files = resolved[CompareConfig], [model_file(each) for each in resolved.positional.get("files", [])]
    if not files:
        raise UserError("which models? uhd compare A B --data DIR")
    if config.data is None:
        raise UserError("uhd compare needs labelled images: --data DIR")
    from uhd.data.config import DataConfig

    claim_json(config.json, files, DataConfig(image_dir=config.data))

    import cv2

    from uhd.cli.bench import cpu_name
    from uhd.evaluation.advice import advise
    from uhd.evaluation.compare import compare, to_text

    cv2.setNumThreads(min(config.threads))
    predictors = _predictors(files, config)
    cards = [predictor.spec for predictor in predictors.values()]
    spec = cards[0]
    data = DataConfig(
        image_dir=config.data,
        classes=config.classes or spec.classes or (0,),
        img_size=spec.input_size,
        resize_mode=spec.resize_mode,
    )
    part, dataset = _part(data, cards, resolved[SplitConfig].wanted(), config.images)
    per_file = len(predictors) // len(files)
    paths = [file for file in files for _ in range(per_file)]
    sizes = {name: path.stat().st_size for name, path in zip(predictors, paths, strict=True)}
    rows = compare(predictors, sizes, dataset, config.runs, config.seconds)
    where = f"{len(dataset)} images of {config.data} ({part.name}: {part.reason})"
    counts = "/".join(map(str, config.threads))
    lines = [f"{where}; {cpu_name()}, {counts} thread(s); ms", to_text(rows)]
    if any(file.suffix.lower() == ".espdl" for file in files):
        lines.append("the times of .espdl files are those of the simulator, not of a chip")
    advice = advise(rows) if config.advise else []
    for line in [*lines, *advice]:
        say_beside(config.json, line)
    write_json(config.json, {
        "data": str(config.data), **part.describe(), "images": len(dataset), "cpu": cpu_name(),
        "threads": config.threads[0] if len(config.threads) == 1 else list(config.threads),
        "advice": advice, "classes": list(data.classes),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "models": [{"path": str(file), "version": card.version, **row.to_dict()}
                   for file, card, row in zip(paths, cards, rows, strict=True)],
    })  # fmt: skip
    return 0


def _part(data: DataConfig, cards: Sequence[ModelCard], wanted: Wanted, images: int) -> tuple[Part, Dataset]:
    """Return the part of the data that is compared on, and its images, all or so many."""
    from uhd.data.open import read_dataset
    from uhd.data.split import spread
    from uhd.evaluation.part import choose_part

    part = choose_part(data, cards, wanted)
    for line in part.warnings:
        warn(f"warning: {line}")
    records = [part.records[i] for i in spread(len(part.records), images)] if images else part.records
    return part, read_dataset(records, data, part.opened.report)


def _predictors(files: Sequence[Path], config: CompareConfig) -> dict[str, Predictor]:
    """Return every file with every number of threads and tiles, file by file, named by what is not the same in all."""
    from uhd.load import load
    from uhd.runtime.tiles import TiledPredictor, Tiling

    found: dict[str, Predictor] = {}
    for name, file in zip(_names(files), files, strict=True):
        for threads in dict.fromkeys(config.threads):
            plain = load(file, threads=threads, compile=config.run_c, nms_type=config.nms_type).predictor
            for tiles in dict.fromkeys(config.tiles):
                words = [name]
                words += [f"{threads} thread(s)"] if len(config.threads) > 1 else []
                words += [f"{tiles} tiles" if tiles else "no tiles"] if len(config.tiles) > 1 else []
                found[", ".join(words)] = TiledPredictor(plain, Tiling(tiles)) if tiles else plain
    return found


def _names(files: Sequence[Path]) -> list[str]:
    """Return the shortest names that tell the files apart."""
    for depth in range(1, max(len(file.parts) for file in files) + 1):
        names = ["/".join(file.parts[-depth:]) for file in files]
        if len(set(names)) == len(names):
            return names
    raise UserError("the same file is named twice")

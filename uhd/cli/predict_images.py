"""The part of ``uhd predict`` that searches image files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from uhd.cli import predict_config
from uhd.cli.output import write_image
from uhd.cli.predict_config import PredictConfig
from uhd.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from uhd.cli.result_names import ResultNames
    from uhd.cli.results import Results
    from uhd.detections import Detections
    from uhd.runtime.detector import Detector
    from uhd.runtime.sources import ImageSource

_WRITABLE = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
_LINES = 20  # up to so many images, each gets a line; more get a bar and a sum


def search_images(
    source: ImageSource, detector: Detector, config: PredictConfig, results: Results, names: ResultNames
) -> int:
    """Search every image and write what is found; returns how many could be read.

    Raises:
        UserError: a result would replace a file that is read.
    """
    from tqdm import tqdm

    targets = _targets(source, config, names)
    line_each = len(source) <= _LINES
    count = people = 0
    try:
        hidden = line_each or not sys.stderr.isatty()
        for frame in tqdm(source, total=len(source), unit="img", disable=hidden, leave=False):
            found = predict_config.detect(detector, frame.image, config)
            target = targets[frame.index]
            if config.draw:
                _draw(frame.image, found, detector, config, target)
            results.write(
                found, frame.path, drawn=target if config.draw else None,
                labels=target.with_name(f"{target.stem}.txt") if config.save_txt else None,
            )  # fmt: skip
            count, people = count + 1, people + len(found)
            if line_each:
                results.say(f"{frame.path}: {len(found)} {_plural(found)}{f' -> {target}' if config.draw else ''}")
    except KeyboardInterrupt:
        raise KeyboardInterrupt(stopped(f"{count} of {len(source)} images", results)) from None
    if count and not line_each:
        where = f" -> {config.output}" if config.draw or config.save_txt else ""
        results.say(f"{count} images, {people} detections{where}")
    return count


def stopped(how_far: str, results: Results) -> str:
    """Return what to say when somebody stops a search after, for example, ``3 of 12 images``."""
    lines = f"; lines so far are in {' and '.join(map(str, results.files))}" if results.files else ""
    return f"after {how_far}{lines}"


def _targets(source: ImageSource, config: PredictConfig, names: ResultNames) -> list[Path]:
    """Choose the names of all results before the first is written: paths whose suffix is that of the picture."""
    from uhd.data.discover import label_path

    if config.save_txt:
        names.protect(map(label_path, source.paths))
    targets = []
    for path, place in zip(source.paths, source.places, strict=True):
        suffix = path.suffix if path.suffix.lower() in _WRITABLE else ".jpg"
        endings = [*([suffix] if config.draw else []), *([".txt"] if config.save_txt else [])]
        base = names.take(place, endings)
        targets.append(base.with_name(base.name + suffix))
    return targets


def _draw(image: NDArray[np.uint8], found: Detections, detector: Detector, config: PredictConfig, target: Path) -> None:
    from uhd.cli.pictures import draw_result
    from uhd.draw import draw

    target.parent.mkdir(parents=True, exist_ok=True)
    write_image(target, draw_result(image, found, detector.spec if config.actual_size else None))
    if config.heatmap is not None:
        _write_heatmaps(detector, image, draw(image, found, labels=False), target.with_suffix(""), config.heatmap)


def _write_heatmaps(
    detector: Detector, image: NDArray[np.uint8], picture: NDArray[np.uint8], folder: Path, how: str
) -> None:
    from uhd.models.heatmaps import heatmap_sheet, heatmaps
    from uhd.models.predictor import TorchPredictor
    from uhd.resize import resize_image

    predictor, spec = detector.predictor, detector.spec
    if not isinstance(predictor, TorchPredictor):
        raise UserError("--heatmap looks into the layers of a checkpoint (.pt, .safetensors), searched without --tiles")
    folder.mkdir(parents=True, exist_ok=True)
    seen = resize_image(image, spec.input_size, spec.resize_mode)
    layers = list(heatmaps(predictor.model, seen, spec.resize_mode, picture, how))
    for name, each in layers:
        write_image(folder / name, each)
    write_image(folder / "layers.png", heatmap_sheet(layers))


def _plural(found: Detections) -> str:
    if len(found.class_names) == 1:
        name = found.class_names[0]
        return name if len(found) == 1 else {"person": "people", "body": "bodies"}.get(name, f"{name}s")
    return "object" if len(found) == 1 else "objects"

"""``uhd predict``: detect people in images, folders, videos or a camera."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uhd.cli.flags import Flags, warn
from uhd.cli.output import write_image
from uhd.cli.predict_config import PredictConfig, detect
from uhd.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from uhd.cli.results import Results
    from uhd.detections import Detections
    from uhd.runtime.detector import Detector
    from uhd.runtime.sources import ImageSource


def main(argv: Sequence[str]) -> int:
    """Detect; returns the exit code."""
    flags = Flags("uhd predict", "Detect people in images, folders, globs, videos, cameras.", (PredictConfig,))
    flags.add_positional("source", nargs="*", help="image, folder, 'glob', video, camera number or rtsp:// address")
    resolved = flags.resolve(argv)
    sources = resolved.positional.get("source") or []
    if not sources:
        raise UserError("uhd predict needs something to look at: uhd predict photo.jpg")
    return predict(sources, resolved[PredictConfig])


def predict(sources: Sequence[Any], config: PredictConfig) -> int:
    """Search every source; returns 0, or 2 when nothing could be read (or, with ``strict``, anything could not)."""
    from uhd.cli.predict_video import Watch, search_video
    from uhd.cli.results import Results
    from uhd.load import load
    from uhd.runtime.sources import ImageSource, open_source

    watch = Watch.of(config)

    detector = load(config.model, threads=config.threads, resize_mode=config.resize_mode, input_size=config.img_size)
    if config.tiles:
        from uhd.runtime.detector import Detector
        from uhd.runtime.tiles import TiledPredictor, Tiling

        detector = Detector(TiledPredictor(detector.predictor, Tiling(config.tiles, config.tile_overlap)))
    opened = [open_source(source) for source in sources]
    images = ImageSource([path for source in opened if isinstance(source, ImageSource) for path in source.paths])
    videos = [source for source in opened if not isinstance(source, ImageSource)]
    if watch.wanted and not videos:
        raise UserError("--track, --count-line and --count-zone follow people through a video; these are images")
    inputs = [*images.paths, *_files(sources)]
    searched = 0
    with Results(config.json, config.csv, config.output if config.save_txt else None, inputs) as results:
        if images.paths:
            searched += _search_images(images, detector, config, results)
        for video in videos:
            searched += search_video(video, detector, config, watch, results, _files(sources))
    problems = images.problems + [problem for video in videos for problem in video.problems]
    if not searched and not problems:
        warn("error: no frame could be read")
    for problem in problems[:10]:
        warn(f"skipped: {problem}")
    if len(problems) > 10:
        warn(f"skipped: {len(problems)} in all")
    return 2 if not searched or (problems and config.strict) else 0


def _search_images(source: ImageSource, detector: Detector, config: PredictConfig, results: Results) -> int:
    from tqdm import tqdm

    from uhd.data.discover import label_path
    from uhd.draw import draw

    if config.draw or config.save_txt:
        config.output.mkdir(parents=True, exist_ok=True)
    inputs = {path.resolve() for path in source.paths}
    labels = {label_path(path).resolve() for path in source.paths} if config.save_txt else set()
    names: set[str] = set()
    count = people = 0
    show_each = len(source) <= 20
    for frame in tqdm(source, total=len(source), unit="img", disable=show_each):
        found = detect(detector, frame.image, config)
        count, people = count + 1, people + len(found)
        target = config.output / _free_name(Path(frame.name), names)
        if target.resolve() in inputs:
            raise UserError(f"{target}: would replace an input image; give another --output")
        text = target.with_suffix(".txt")
        if text.resolve() in labels:
            raise UserError(f"{text}: would replace the labels of an image; give another --output")
        if config.draw:
            write_image(target, draw(frame.image, found))
        if config.heatmap is not None:
            _write_heatmaps(detector, frame.image, draw(frame.image, found), target.with_suffix(""), config.heatmap)
        results.write(found, frame.name, target.name)
        if show_each:
            where = f" -> {target}" if config.draw else ""
            print(f"{frame.name}: {len(found)} {_plural(found)}{where}")
    if count and not show_each:
        print(f"{count} images, {people} detections{f' -> {config.output}' if config.draw else ''}")
    return count


def _write_heatmaps(
    detector: Detector, image: NDArray[np.uint8], picture: NDArray[np.uint8], folder: Path, how: str
) -> None:
    from uhd.models.heatmaps import heatmaps
    from uhd.models.predictor import TorchPredictor
    from uhd.resize import resize_image

    predictor, spec = detector.predictor, detector.spec
    if not isinstance(predictor, TorchPredictor):
        raise UserError("--heatmap looks into the layers of a checkpoint (.pt, .safetensors), searched without --tiles")
    folder.mkdir(parents=True, exist_ok=True)
    seen = resize_image(image, spec.input_size, spec.resize_mode)
    for name, each in heatmaps(predictor.model, seen, spec.resize_mode, picture, how):
        write_image(folder / name, each)


def _files(sources: Sequence[Any]) -> list[Path]:
    return [Path(str(source)) for source in sources if Path(str(source)).is_file()]


def _free_name(name: Path, taken: set[str]) -> str:
    """Return a file name not used before in this call: images of different folders may share one."""
    suffix = name.suffix if name.suffix.lower() in (".jpg", ".jpeg", ".png", ".bmp", ".webp") else ".jpg"
    candidate, number = f"{name.stem}{suffix}", 1
    while candidate in taken:
        number += 1
        candidate = f"{name.stem}_{number}{suffix}"
    taken.add(candidate)
    return candidate


def _plural(found: Detections) -> str:
    if len(found.class_names) == 1:
        name = found.class_names[0]
        return name if len(found) == 1 else {"person": "people"}.get(name, f"{name}s")
    return "object" if len(found) == 1 else "objects"


__all__ = ["main", "predict"]

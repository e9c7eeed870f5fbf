"""``uhd predict``: detect people in images, folders, videos or a camera."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uhd.cli.flags import Flags, warn
from uhd.cli.output import write_image
from uhd.config import knob
from uhd.errors import UserError
from uhd.resize import parse_size

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from uhd.cli.results import Results
    from uhd.detections import Detections
    from uhd.runtime.detector import Detector
    from uhd.runtime.sources import ImageSource


@dataclass(frozen=True)
class PredictConfig:
    """How images are searched and where the results go."""

    model: Path | None = knob(None, "model file (default: the one in the package)")
    output: Path = knob(Path("runs/predict"), "folder of drawn images")
    conf_thresh: float | None = knob(None, "least score (default: the model's best F1)", minimum=0, maximum=1)
    use_nms: bool = knob(True, "drop duplicate boxes")
    nms_iou: float = knob(0.5, "IoU at which boxes are duplicates", minimum=0, maximum=1)
    most: int | None = knob(None, "most detections per image, best first", minimum=1)
    json: Path | None = knob(None, "write one JSON line per image or frame")
    csv: Path | None = knob(None, "write one CSV row per detection")
    save_txt: bool = knob(False, "write YOLO label files beside the drawn images")
    draw: bool = knob(True, "write or show drawn images")
    heatmap: str | None = knob(
        None, "beside each drawn image, what every layer of a checkpoint puts out, over its channels",
        choices=("mean", "sum"), shortcuts={"with_heatmap_mean": "mean", "with_heatmap_sum": "sum"},
    )  # fmt: skip
    strict: bool = knob(False, "exit with 2 when an image cannot be read")
    record: Path | None = knob(None, "record a video or camera to this .mp4")
    serve: int | None = knob(None, "show a video or camera in the browser on this port of localhost", minimum=0)
    actual_size: bool = knob(False, "show what the model sees: the frame at network size, enlarged")
    dynamic_threshold: bool = knob(False, "try half the threshold when nothing is found")
    max_frames: int | None = knob(None, "stop a video or camera after so many frames", minimum=1)
    tiles: int = knob(
        0, "search every frame in overlapping tiles with at most so many network calls; 0 looks once", minimum=0
    )
    tile_overlap: float = knob(0.25, "share of a tile's side that its neighbour sees too", minimum=0, maximum=0.9)
    track: bool = knob(False, "number the people of a video: the same person keeps its number")
    track_patience: int = knob(30, "frames for which a person may be out of sight and keep its number", minimum=0)
    count_line: tuple[str, ...] = knob(
        (), "count who crosses the line x,y,x,y (shares of the frame) in a video; may be given several times",
        repeat=True,
    )  # fmt: skip
    count_zone: tuple[str, ...] = knob(
        (), "count who stands in the polygon x,y,x,y,x,y... in a video; may be given several times", repeat=True
    )
    overwrite: bool = knob(False, "replace a recording of the same name")
    resize_mode: str | None = knob(None, "for a model file that does not say its own")
    img_size: tuple[int, int] | None = knob(None, "for a model file that does not say its own", parse=parse_size)
    threads: int = knob(1, "threads of the runtime", minimum=1)


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


def detect(detector: Detector, image: NDArray[np.uint8], config: PredictConfig) -> Detections:
    """Search one image (H, W, 3) as the flags say."""
    overlap = config.nms_iou if config.use_nms else 0.0
    found = detector(image, config.conf_thresh, overlap)
    if not len(found) and config.dynamic_threshold:
        threshold = detector.spec.conf_thresh if config.conf_thresh is None else config.conf_thresh
        found = detector(image, max(0.05, threshold / 2), overlap)
    return found if config.most is None else found[: config.most]


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


__all__ = ["PredictConfig", "detect", "main", "predict"]

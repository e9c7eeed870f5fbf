"""``uhd predict``: detect people in images, folders, videos or a camera."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from uhd.cli.flags import Flags, warn
from uhd.cli.output import JSON, claim, write_image
from uhd.config import knob
from uhd.errors import UserError
from uhd.resize import parse_size

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from uhd.detections import Detections
    from uhd.runtime.detector import Detector
    from uhd.runtime.sources import Frame, ImageSource, VideoSource


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
    save_txt: bool = knob(False, "write YOLO label files beside the drawn images")
    draw: bool = knob(True, "write or show drawn images")
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
    from uhd.load import load
    from uhd.runtime.sources import ImageSource, open_source

    detector = load(config.model, threads=config.threads, resize_mode=config.resize_mode, input_size=config.img_size)
    if config.tiles:
        from uhd.runtime.detector import Detector
        from uhd.runtime.tiles import TiledPredictor, Tiling

        detector = Detector(TiledPredictor(detector.predictor, Tiling(config.tiles, config.tile_overlap)))
    opened = [open_source(source) for source in sources]
    images = ImageSource([path for source in opened if isinstance(source, ImageSource) for path in source.paths])
    videos = [source for source in opened if not isinstance(source, ImageSource)]
    lines = None
    if config.json is not None:
        lines = claim(config.json, JSON, [*images.paths, *_files(sources)]).open("w", encoding="utf-8")
    searched = 0
    try:
        if images.paths:
            searched += _search_images(images, detector, config, lines)
        for video in videos:
            searched += _search_video(video, detector, config, lines, _files(sources))
    finally:
        if lines is not None:
            lines.close()
    problems = images.problems + [problem for video in videos for problem in video.problems]
    if not searched and not problems:
        warn("error: no frame could be read")
    for problem in problems[:10]:
        warn(f"skipped: {problem}")
    if len(problems) > 10:
        warn(f"skipped: {len(problems)} in all")
    return 2 if not searched or (problems and config.strict) else 0


def _search_images(source: ImageSource, detector: Detector, config: PredictConfig, lines: TextIO | None) -> int:
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
        found = _detect(detector, frame.image, config)
        count, people = count + 1, people + len(found)
        target = config.output / _free_name(Path(frame.name), names)
        if target.resolve() in inputs:
            raise UserError(f"{target}: would replace an input image; give another --output")
        text = target.with_suffix(".txt")
        if text.resolve() in labels:
            raise UserError(f"{text}: would replace the labels of an image; give another --output")
        if config.draw:
            write_image(target, draw(frame.image, found))
        _record_result(found, frame, config, lines, target)
        if show_each:
            where = f" -> {target}" if config.draw else ""
            print(f"{frame.name}: {len(found)} {_plural(found)}{where}")
    if count and not show_each:
        print(f"{count} images, {people} detections{f' -> {config.output}' if config.draw else ''}")
    return count


def _search_video(
    source: VideoSource, detector: Detector, config: PredictConfig, lines: TextIO | None, inputs: Sequence[Path]
) -> int:
    import cv2
    import numpy as np

    from uhd.draw import draw
    from uhd.runtime.view import open_view

    view = None
    if config.draw:
        record = config.record
        if record is None and not source.live and config.serve is None:
            record = config.output / f"{Path(source.name).stem}.mp4"
        if record is not None:
            claim(record, (".mp4", ".avi"), inputs)
        view = open_view(source.live, source.fps, record, config.serve, config.overwrite)
        print(view.description)
    count = 0
    try:
        for frame in source:
            began = time.perf_counter()
            found = _detect(detector, frame.image, config)
            elapsed = (time.perf_counter() - began) * 1000
            count += 1
            _record_result(found, frame, config, lines, config.output / f"{frame.name}.jpg")
            if view is not None:
                drawn = draw(frame.image, found)
                picture = np.ascontiguousarray(_as_seen(drawn, detector) if config.actual_size else drawn)
                text = f"{elapsed:.2f} ms"
                cv2.putText(picture, text, (8, 22), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (0, 0, 0), 3, cv2.LINE_AA)
                cv2.putText(picture, text, (8, 22), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255, 255, 255), 1, cv2.LINE_AA)
                view.write(picture)
                if view.wants_quit:
                    break
            if config.max_frames is not None and count >= config.max_frames:
                break
    except KeyboardInterrupt:
        print(f"stopped after {count} frames")
        raise
    finally:
        source.close()
        if view is not None:
            view.close()
    return count


def _files(sources: Sequence[Any]) -> list[Path]:
    return [Path(str(source)) for source in sources if Path(str(source)).is_file()]


def _detect(detector: Detector, image: NDArray[np.uint8], config: PredictConfig) -> Detections:
    overlap = config.nms_iou if config.use_nms else 0.0
    found = detector(image, config.conf_thresh, overlap)
    if not len(found) and config.dynamic_threshold:
        threshold = detector.spec.conf_thresh if config.conf_thresh is None else config.conf_thresh
        found = detector(image, max(0.05, threshold / 2), overlap)
    return found if config.most is None else found[: config.most]


def _record_result(found: Detections, frame: Frame, config: PredictConfig, lines: TextIO | None, target: Path) -> None:
    if lines is not None:
        lines.write(found.to_json(image=frame.name) + "\n")
        lines.flush()
    if config.save_txt:
        height, width = found.image_size
        rows = []
        for box, class_id, score in zip(found.xyxy, found.class_ids, found.scores, strict=True):
            left, top, right, bottom = box / (width, height, width, height)
            centre = f"{(left + right) / 2:.6f} {(top + bottom) / 2:.6f} {right - left:.6f} {bottom - top:.6f}"
            rows.append(f"{class_id} {centre} {score:.5f}")
        config.output.mkdir(parents=True, exist_ok=True)
        target.with_suffix(".txt").write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")


def _as_seen(picture: Any, detector: Detector) -> Any:
    import cv2

    from uhd.resize import resize_image

    height, width = detector.spec.input_size
    small = resize_image(picture, (height, width), detector.spec.resize_mode)
    factor = max(1, 512 // max(height, width))
    return cv2.resize(small, (width * factor, height * factor), interpolation=cv2.INTER_NEAREST)


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


__all__ = ["PredictConfig", "main", "predict"]

"""``uhd predict``: detect people in images, folders, videos or a camera."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uhd.cli.flags import Flags, warn
from uhd.cli.output import claim
from uhd.cli.predict_config import PredictConfig
from uhd.cli.predict_detector import load_detector
from uhd.errors import UserError

if TYPE_CHECKING:
    from uhd.cli.result_names import ResultNames
    from uhd.runtime.sources import ImageSource, VideoSource

_MOST_TOLD = 10  # problems


def main(argv: Sequence[str]) -> int:
    """Detect; returns the exit code."""
    flags = Flags("uhd predict", "Detect people in images, folders, globs, videos, cameras.", (PredictConfig,))
    flags.add_positional(
        "source", nargs="*", help="image, folder, 'glob', list.txt, video, camera number or rtsp:// address"
    )
    resolved = flags.resolve(argv)
    sources = resolved.positional.get("source") or []
    if not sources:
        raise UserError("uhd predict needs something to look at: uhd predict photo.jpg")
    return predict(sources, resolved[PredictConfig])


def predict(sources: Sequence[Any], config: PredictConfig) -> int:
    """Search every source.

    Returns:
        0; 2 when nothing could be read, when a camera or stream went away, or, with ``strict``, when anything could not
        be read.
    """
    from uhd.cli.follower import Watch
    from uhd.cli.predict_images import search_images
    from uhd.cli.predict_video import search_video
    from uhd.cli.result_names import ResultNames
    from uhd.cli.results import Results
    from uhd.runtime.sources import ImageSource, open_source

    watch = Watch.of(config)
    if config.ray is not None:
        return _predict_on_ray(sources, config)
    if config.parquet:
        raise UserError("--parquet is the form of --ray's files: give --ray local, or --json or --csv in its place")
    detector = load_detector(config)
    opened = [open_source(source) for source in sources]
    images = ImageSource.join([source for source in opened if isinstance(source, ImageSource)])
    videos = [source for source in opened if not isinstance(source, ImageSource)]
    if watch.wanted and not videos:
        raise UserError("--track, --count-line and --count-zone follow people through a video; these are images")
    if config.mqtt is not None and not videos:
        raise UserError("--mqtt tells who is in a video or before a camera; these are images")
    if not videos:
        of_videos = {"record": config.record, "serve": config.serve, "max-frames": config.max_frames}
        for flag in (name for name, value in of_videos.items() if value is not None):
            warn(f"--{flag} is without effect: it is about videos and cameras, and these are images")
    if watch.wanted and config.dynamic_threshold:
        warn("--dynamic-threshold is without effect on videos with --track: doubtful detections keep tracks already")
    inputs = [*images.paths, *(Path(str(source)) for source in sources if Path(str(source)).is_file())]
    names = ResultNames(config.output, config.overwrite, inputs)
    records = _recordings(videos, config, names, inputs)
    searched = 0
    with Results(config.json, config.csv, config.coco, inputs) as results:
        if images.paths:
            searched += search_images(images, detector, config, results, names)
        for video, (record, labels) in zip(videos, records, strict=True):
            searched += search_video(video, detector, config, watch, results, record, labels)
    return _tell(images, videos, searched, config.strict)


def _predict_on_ray(sources: Sequence[Any], config: PredictConfig) -> int:
    from uhd.cli.predict_ray import predict_on_ray
    from uhd.runtime.sources import ImageSource, open_source

    opened = [open_source(source) for source in sources]
    if not all(isinstance(source, ImageSource) for source in opened):
        raise UserError("--ray searches images; a video is followed by one process: leave out --ray")
    images = ImageSource.join([source for source in opened if isinstance(source, ImageSource)])
    return predict_on_ray(images.paths, config)


def _recordings(
    videos: Sequence[VideoSource], config: PredictConfig, names: ResultNames, inputs: Sequence[Path]
) -> list[tuple[Path | None, Path | None]]:
    """Return the recording of every video, and what its label files are called, before the first is searched."""
    from uhd.cli.result_names import ResultNames
    from uhd.runtime.recorder import SUFFIXES

    places: list[tuple[Path | None, Path | None]] = []
    named = config.record
    beside = None
    if named is not None:
        claim(named, SUFFIXES, inputs)
        if named.exists() and not config.overwrite:
            raise UserError(f"{named}: exists already; give another name or --overwrite")
        # Several videos and one name: the second goes beside the first.
        beside = ResultNames(named.parent, config.overwrite, inputs)
    for video in videos:
        record = None
        place = Path(Path(video.name).name)
        endings = ["_000000.txt"] if config.save_txt else []
        own = config.draw and named is None and not video.live and config.serve is None
        base = names.take(place, [*endings, *([".mp4"] if own else [])]) if own or config.save_txt else None
        if config.draw and named is not None and beside is not None:
            taken = beside.take(Path(named.name), [named.suffix])
            record = taken.with_name(taken.name + named.suffix)
        elif own and base is not None:
            record = base.with_name(f"{base.name}.mp4")
        places.append((record, base if config.save_txt else None))
    return places


def _tell(images: ImageSource, videos: Sequence[VideoSource], searched: int, strict: bool) -> int:
    """Say what could not be read, and return the exit code."""
    problems = [*images.problems, *(problem for video in videos for problem in video.problems)]
    if not searched and not problems:
        warn("error: no frame could be read")
    for problem in images.problems[:_MOST_TOLD]:
        warn(f"skipped: {problem}")
    if len(images.problems) > _MOST_TOLD:
        warn(f"skipped: {len(images.problems)} in all")
    for remark in images.remarks:
        warn(f"note: {remark}")
    lost = any(video.lost for video in videos)
    for video in videos:
        for problem in video.problems:
            warn(f"{'error' if video.lost else 'note'}: {problem}")
    return 2 if not searched or lost or (problems and strict) else 0


__all__ = ["main", "predict"]

"""Flags that several commands share, each written down once; a command's configuration inherits what it takes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from uhd.config.knob import knob, same_knob
from uhd.resize import parse_size

TTA = ("none", "mirror")


@dataclass(frozen=True)
class ModelFile:
    """Which model is run."""

    model: Path | None = knob(None, "model file, or the folder of a run (default: the one in the package)")


@dataclass(frozen=True)
class EnsembleFlags:
    """What looks at an image beside the model itself."""

    ensemble: tuple[str, ...] = knob(
        (), "a further model, whose answers are joined with those of --model (weighted boxes fusion, or as --nms-type "
        "says); may be given several times", repeat=True,
    )  # fmt: skip
    tta: str = knob(
        "none", "test-time augmentation: mirror looks at every image mirrored, too, and joins the answers", choices=TTA
    )


@dataclass(frozen=True)
class NetworkSize:
    """Which size the network reads."""

    img_size: tuple[int, int] | None = knob(
        None, "network size, height x width (default: the checkpoint's)", parse=parse_size
    )


@dataclass(frozen=True)
class Unsaid:
    """What a model file may leave open."""

    resize_mode: str | None = knob(None, "for a model file that does not say its own")
    img_size: tuple[int, int] | None = same_knob(
        NetworkSize, "img_size", None, help="for a model file that does not say its own"
    )


@dataclass(frozen=True)
class Thresholds:
    """Which detections count."""

    conf_thresh: float | None = knob(None, "least score (default: the model's best F1)", minimum=0, maximum=1)
    use_nms: bool = knob(True, "drop duplicate boxes")
    nms_iou: float | None = knob(
        None, "IoU from which boxes are duplicates (default: what the model says)", minimum=0, maximum=1
    )
    most: int | None = knob(None, "most detections per image, best first", minimum=1)


@dataclass(frozen=True)
class RuntimeFlags:
    """How a model is run."""

    threads: int = knob(1, "threads of the runtime", minimum=1)


@dataclass(frozen=True)
class RayFlags:
    """Work on a Ray cluster, in shards of which none is done twice."""

    ray: str | None = knob(None, "address of a Ray cluster, or local to start one here")
    ray_workers: int = knob(0, "actors, one core each; 0: all cores of the cluster", minimum=0)
    shard_size: int = knob(1000, "images of a shard", minimum=1)


@dataclass(frozen=True)
class JsonFile:
    """A result for other programs, beside the text."""

    json: Path | None = knob(None, "write the result as JSON to this file; - is standard output")


@dataclass(frozen=True)
class JsonText:
    """A result for other programs, in place of the text."""

    json: bool = knob(False, "print JSON")

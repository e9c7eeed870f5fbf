"""How an ONNX file becomes int8."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from uhd.config import knob

METHODS = ("auto", "minmax", "entropy", "percentile")
_GROUP = "int8"


def parse_keep(text: str) -> int:
    """Return the number of layers kept in float, -1 for as many as it takes."""
    if text.lower() == "auto":
        return -1
    if not text.lstrip("-").isdigit():
        raise ValueError("is neither a number nor auto")
    return int(text)


@dataclass(frozen=True)
class Int8Config:
    """Static quantisation of weights and activations to eight bits, calibrated on images."""

    int8: bool = knob(False, "quantise; the same as --format onnx-int8", group=_GROUP)
    calibration: Path | None = knob(None, "folder of images, or a data.yaml; its training part is used", group=_GROUP)
    calibration_images: int = knob(256, "images that show the range of every activation", group=_GROUP, minimum=2)
    calibration_method: str = knob(
        "auto",
        "how a range follows from what was seen; auto: minmax or percentile, whichever has the smaller error",
        group=_GROUP,
        choices=METHODS,
    )
    percentile: float = knob(
        99.99, "share of values inside the range, with percentile and auto", group=_GROUP, maximum=100
    )
    keep_float: int = knob(
        -1,
        "most sensitive layers kept in float: a number, or auto (default: auto)",
        group=_GROUP,
        parse=parse_keep,
        minimum=-1,
    )
    bias_correction: bool = knob(True, "take the mean error of rounded weights out of the biases", group=_GROUP)
    tolerance: float = knob(
        0.025, "with auto: largest error of the detections (1 - IoU + difference of scores)", group=_GROUP, minimum=0
    )

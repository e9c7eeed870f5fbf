"""Settings of the C export."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from uhd.config import knob
from uhd.resize import parse_size

METHODS = ("minmax", "percentile")
_GROUP = "int8"


@dataclass(frozen=True)
class CConfig:
    """Which weights become C, in which numbers."""

    checkpoint: Path | None = knob(None, "checkpoint (.pt, .safetensors), or ONNX file with separate outputs")
    weights: Path | None = knob(None, "the same, under another name")
    output: Path | None = knob(
        None, "file to write (.c); its name is the prefix of the functions, and the header is written beside it"
    )
    img_size: tuple[int, int] | None = knob(
        None, "network size, height x width (default: the checkpoint's)", parse=parse_size
    )
    ema: bool = knob(True, "averaged weights where the checkpoint has them")
    licence: str = knob("", "licence of the weights, written into the file")
    int8: bool = knob(False, "weights and maps on eight bits, calibrated on images", group=_GROUP)
    calibration: Path | None = knob(None, "folder of images, or a data.yaml; its training part is used", group=_GROUP)
    calibration_images: int = knob(256, "images that show the range of every map", group=_GROUP, minimum=2)
    calibration_method: str = knob("minmax", "how a range follows from what was seen", group=_GROUP, choices=METHODS)
    percentile: float = knob(
        99.99, "share of values inside the range, with percentile", group=_GROUP, minimum=50, maximum=100
    )

    @property
    def share(self) -> float:
        """Share of a map's values that its range holds."""
        return self.percentile / 100 if self.calibration_method == "percentile" else 1.0

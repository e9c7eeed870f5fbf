"""Settings of the C export."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from uhd.config import knob

METHODS = ("minmax", "percentile")
PACKAGES = ("esp-idf", "arduino", "platformio")
_GROUP = "int8"
_FILES = "files"


@dataclass(frozen=True)
class CConfig:
    """What is written, and in which numbers."""

    package: str | None = knob(
        None, "a folder that this build system takes as a library, instead of two files", group=_FILES, choices=PACKAGES
    )
    prefix: str | None = knob(
        None, "how every public name begins (default: the name of the file or folder)", group=_FILES
    )
    int8: bool = knob(False, "weights and maps on eight bits, calibrated on images", group=_GROUP)
    calibration: Path | None = knob(None, "folder of images, or a data.yaml; its training part is used", group=_GROUP)
    calib_list: Path | None = knob(None, "text file that names the images instead", group=_GROUP)
    calibration_images: int = knob(256, "images that show the range of every map", group=_GROUP, minimum=2)
    calibration_method: str = knob(
        "percentile", "how a range follows from what was seen", group=_GROUP, choices=METHODS
    )
    percentile: float = knob(
        99.99, "share of values inside the range, with percentile", group=_GROUP, minimum=50, maximum=100
    )

    @property
    def share(self) -> float:
        """Share of a map's values that its range holds."""
        return self.percentile / 100 if self.calibration_method == "percentile" else 1.0

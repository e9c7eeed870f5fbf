"""Settings of the LiteRT export."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from uhd.config import knob
from uhd.errors import UserError, nearest

# Kinds, and the ends of file names that onnx2tf gives them, but for one: the original's demo takes a name with
# "dynamic" for that of a file which resizes frames itself.
ENDINGS = {
    "float32": "float32",
    "float16": "float16",
    "dynamic-range": "weight_quant",
    "full-integer": "full_integer_quant",
    "full-integer-int16": "full_integer_quant_with_int16_act",
}
INTEGER = ("full-integer", "full-integer-int16")
DEFAULT_KINDS = ("float32", "float16", "dynamic-range", "full-integer")
FORMS = ("parts", "raw", "merged", "yolov8", "end2end")
ONE_TENSOR = ("merged", "yolov8", "end2end")  # boxes and scores of one tensor would share one scale
_MODEL, _CALIBRATION, _CHECK = "model", "calibration images", "accuracy"


def parse_kinds(text: str) -> tuple[str, ...]:
    """Return kinds from a list with commas.

    Raises:
        UserError: an unknown one.
    """
    kinds = tuple(word.strip().lower().replace("_", "-") for word in text.split(",") if word.strip())
    for kind in kinds:
        if kind not in ENDINGS:
            raise UserError(f"unknown kind {kind!r}{nearest(kind, ENDINGS)}: choose from {', '.join(ENDINGS)}")
    return kinds


@dataclass(frozen=True)
class LitertConfig:
    """What is written, and from what."""

    kinds: tuple[str, ...] = knob(
        (),
        f"list of {', '.join(ENDINGS)}; default: the first four, full-integer with --calibration only",
        group=_MODEL,
        parse=parse_kinds,
    )
    form: str = knob(
        "parts",
        "parts: separate raw maps; raw: one map; merged: score_classid_cxcywh [1, K, 6]; yolov8 and end2end: as other "
        "programs decode",
        group=_MODEL,
        choices=FORMS,
    )
    all_branches: bool = knob(
        False, "every branch among the parts, also those that no score needs", group=_MODEL, original=True
    )
    topk: int = knob(100, "rows of the forms merged and end2end", group=_MODEL, minimum=1)

    calibration: Path | None = knob(
        None, "folder of images that show the range of every activation; needed for full-integer", group=_CALIBRATION
    )
    calibration_images: int = knob(200, "how many of them", group=_CALIBRATION, minimum=2)
    calibration_percentile: float = knob(
        99.99,
        "percent of the values that lie in the range; 100: all",
        group=_CALIBRATION,
        minimum=90,
        maximum=100,
    )

    score: Path | None = knob(None, "labelled images: print AP50 of every file and of torch", group=_CHECK)
    verify: bool = knob(True, "compare float32 with torch before anything is written", group=_CHECK)

    def chosen(self) -> tuple[str, ...]:
        """Return the kinds to write.

        Raises:
            UserError: a kind that cannot be had with the other settings.
        """
        able = self.calibration is not None and self.form not in ONE_TENSOR
        kinds = self.kinds or tuple(kind for kind in DEFAULT_KINDS if able or kind not in INTEGER)
        wanted = next((kind for kind in kinds if kind in INTEGER), None)
        if wanted and self.form in ONE_TENSOR:
            raise UserError(f"--kinds {wanted} needs separate outputs: leave out --form {self.form}")
        if wanted and self.calibration is None:
            raise UserError(f"--kinds {wanted}: which images to calibrate on? give --calibration DIR")
        return kinds

"""The table of operations in ``augmentation.md``, made from the program itself.

    python docs/augmentation_table.py [--check]

What an operation does is its docstring; keys, defaults and ranges are its knobs; only what differs from the original is
written here. ``tests/augment/test_documentation.py`` fails when the page and the program disagree.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from uhd.augment.layout import OPERATIONS
from uhd.config import flag_of, knob_of

PAGE = Path(__file__).parent / "augmentation.md"
START, END = "<!-- operations: python docs/augmentation_table.py -->", "<!-- end of operations -->"
DIFFERENT = {
    "Mosaic": "every quarter is read once and its boxes are clipped to it; boxes outside the window stayed as labels",
    "HorizontalFlip": "`class_swap_map` is found in every layout; it was lost under `data_augment_pre`",
    "VerticalFlip": "",
    "RandomWindow": "ours",
    "RandomCrop": "one reading instead of two; slivers below `min_visibility` become ignore regions",
    "RandomResizedCrop": "one reading; what is hidden is ignored instead of becoming background",
    "RandomScale": "enlarging shows the centre, where the boxes are; `keep_aspect_ratio: false` has an effect; "
    "photographs need not be square",
    "Translation": "the image moves exactly as far as its boxes",
    "Affine": "ours",
    "Rotate": "ours",
    "CloserLook": "ours",
    "Soften": "ours",
    "MixUp": "photographs of different sizes",
    "CopyPaste": "patches of any aspect; what they hide becomes an ignore region",
    "RandomHSV": "",
    "RandomPhotometricDistort": "without torchvision",
    "RandomBrightness": "",
    "RandomContrast": "",
    "RandomSaturation": "distance to the luma instead of the mean of the channels",
    "CLAHE": "",
    "ToGray": "",
    "Blur": "",
    "MedianBlur": "",
    "GaussianBlur": "",
    "MotionBlur": "",
    "GaussNoise": "`var_limit` is a variance; it was used as the deviation",
    "ISONoise": "grows with the light, as a sensor's does",
    "ImageCompression": "red and blue are not exchanged on the way",
    "RandomRain": "lengths up to 1 are shares of the image, so that they suit a small one",
    "RandomFog": "",
    "RandomSunFlare": "lengths up to 1 are shares of the image",
    "CoarseDropout": "ours",
    "Cutout": "ours",
    "RemoveOutliers": "the boxes become ignore regions instead of background",
}


def keys_of(kind: type[Any]) -> str:
    """Return the keys of an operation with defaults, ranges and meaning, one per line of the cell."""
    lines = []
    for field in dataclasses.fields(kind):
        name = flag_of(field).replace("-", "_")
        rule, default = knob_of(field), field.default
        if name.endswith("_swap_map"):
            lines.append(f"`{name}`: {name.split('_')[0]} numbers that change places")
            continue
        lines.append(f"`{name}` {_text(default)}{_limits(rule)}: {rule.help}")
    return "<br>".join(lines)


def _text(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "none", True: "true", False: "false"}[value]
    if isinstance(value, tuple):
        return f"[{', '.join(map(_text, value))}]"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _limits(rule: Any) -> str:
    if rule.choices is not None or (rule.minimum is None and rule.maximum is None):
        return ""
    low = "" if rule.minimum is None else f"{'above' if rule.exclusive_minimum else 'from'} {rule.minimum:g}"
    high = "" if rule.maximum is None else f"to {rule.maximum:g}"
    return f" ({' '.join(part for part in (low, high) if part)})"


def table(operations: Mapping[str, type[Any]] = OPERATIONS) -> str:
    """Return the table as Markdown."""
    heads = ("operation", "what it does", "key, default (range): meaning", "what differs from the original")
    lines = [f"| {' | '.join(heads)} |", "|---|---|---|---|"]
    for name, kind in operations.items():
        does = (kind.__doc__ or "").splitlines()[0].replace("``", "`").replace(":class:", "").replace("|", "\\|")
        lines.append(f"| `{name}` | {does} | {keys_of(kind)} | {DIFFERENT[name]} |")
    return "\n".join(lines)


def page() -> str:
    """Return the page with its table as it has to be."""
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(START)
    return f"{before}{START}\n\n{table()}\n\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(page() != PAGE.read_text(encoding="utf-8"))
    PAGE.write_text(page(), encoding="utf-8")

"""What is out of balance in a data set, in words, and what helps against it."""

from __future__ import annotations

from uhd.data.statistics import Statistics

SEVERE, MODERATE = 0.1, 0.3
_FEW_BOXES, _FEW_IMAGES = 500, 200


def remarks_on(found: Statistics) -> list[str]:
    """Return a line for everything about the training images that a detector will suffer from; [] where all is well."""
    lines: list[str] = []
    if found.images < _FEW_IMAGES or found.boxes < _FEW_BOXES:
        lines.append(
            f"small: {found.images} images, {found.boxes} boxes; start from trained weights: uhd train --preset small"
        )
    counts = {name: count for name, count in found.per_class.items() if count}
    missing = [name for name, count in found.per_class.items() if not count]
    if missing:
        lines.append(f"missing: no box of {', '.join(missing)}")
    if len(counts) > 1:
        rare, common = min(counts, key=counts.__getitem__), max(counts, key=counts.__getitem__)
        ratio = counts[rare] / counts[common]
        if ratio < MODERATE:
            how = "severe" if ratio < SEVERE else "moderate"
            lines.append(f"{how} imbalance: {rare} has {counts[rare]} boxes, {common} {counts[common]}; more of {rare}")
    empty = found.empty / found.images if found.images else 0.0
    if empty > 0.7:
        lines.append(f"{empty:.0%} of the images show nobody: --object-share 0.7 (the default) evens it out")
    if found.images and empty < 0.05:
        lines.append("almost no image without people: false alarms go unpunished; add backgrounds (uhd data mine)")
    if found.boxes:
        tiny = found.heights["<8"] / found.boxes
        if tiny > 0.25:
            lines.append(f"{tiny:.0%} of the people are under 8 pixels high: a larger --img-size, or --tiles when used")
        if found.crowded > 0.2:
            lines.append(
                f"{found.crowded:.0%} of the boxes overlap another: softer suppression, --nms-type soft-gaussian"
            )
    return lines

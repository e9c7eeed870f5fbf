"""Settings of ``uhd train`` that follow from a data set, each with its reason."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from uhd.anchors import auto_anchors, best_possible_recall, wh_iou
from uhd.data.imbalance import MODERATE
from uhd.detect.recipe.facts import SMALL, Facts
from uhd.models.weights import read_weights

_SIDES = (64, 96, 128, 160)
_TINY_SHARE = 0.25
_STEPS = 18_000  # of the recipe: 100 epochs of 2,920 images at 16
_FEW = 200
_GAIN = 0.004  # of the mean overlap, for which another anchor is worth its channels


@dataclass(frozen=True)
class Choice:
    """A setting, its value, and why."""

    name: str
    value: Any
    reason: str


def choose(
    facts: Facts, sizes: NDArray[np.float32], img_size: tuple[int, int] | None = None, arch: str | None = None
) -> list[Choice]:
    """Return the settings that differ from data set to data set.

    Args:
        facts: of the data set.
        sizes: (n, 2) normalised widths and heights of its training boxes.
        img_size: network size where the user has chosen one.
        arch: architecture where the user has chosen one.
    """
    few = facts.train < _FEW
    packaged = few and arch in (None, "ultratinyod")
    chosen = [_size(sizes, img_size)]
    if packaged:
        reason = f"{facts.train} images are few: start from the packaged weights, with small steps"
        chosen.append(Choice("preset", "small", reason))
    if packaged and len(facts.names) > 1:
        chosen.append(Choice("ckpt_non_strict", True, "the packaged weights know one class: that part begins anew"))
    anchors = _packaged_anchors(sizes) if packaged else _anchors(sizes)
    chosen += [_epochs(facts, few), _batch(facts), *anchors, _share(facts), _weights(facts)]
    return chosen


def _size(sizes: NDArray[np.float32], wanted: tuple[int, int] | None) -> Choice:
    heights = sizes[:, 1] if len(sizes) else np.ones(1, np.float32)

    def tiny(side: int) -> float:
        return float((heights * side < SMALL).mean())

    if wanted is not None:
        return Choice(
            "img_size", list(wanted), f"as you said; {tiny(wanted[0]):.0%} of the boxes are under {SMALL} pixels"
        )
    side = next((side for side in _SIDES if tiny(side) <= _TINY_SHARE), _SIDES[-1])
    smaller = "" if side == _SIDES[0] else f" ({tiny(_SIDES[0]):.0%} at {_SIDES[0]})"
    reason = f"{tiny(side):.0%} of the boxes are under {SMALL} pixels high at this size{smaller}"
    return Choice("img_size", [side, side], reason)


def _epochs(facts: Facts, few: bool) -> Choice:
    if few:
        return Choice("epochs", 30, "few images are learnt by heart soon; measured on three seeds (docs/runs.md)")
    batch = _batch(facts).value
    epochs = int(np.clip(round(_STEPS * batch / facts.train, -1), 20, 300))
    steps = epochs * math.ceil(facts.train / batch)
    return Choice("epochs", epochs, f"about {steps} steps; the recipe was measured with {_STEPS}")


def _batch(facts: Facts) -> Choice:
    batch = 8 if facts.train < _FEW else 16 if facts.train < 20_000 else 32
    return Choice("batch_size", batch, f"{math.ceil(facts.train / batch)} steps in an epoch of {facts.train} images")


def _anchors(sizes: NDArray[np.float32]) -> list[Choice]:
    positive = sizes[(sizes > 0).all(1)]
    if not len(positive):
        return []
    count, found, overlap = 1, auto_anchors(positive, 1), 0.0
    for k in range(2, 13):
        more = auto_anchors(positive, k)
        better = float(wh_iou(positive, more).max(1).mean())
        if k > 3 and better - overlap < _GAIN:
            break
        count, found, overlap = k, more, better
    text = " ".join(f"{width:.5f},{height:.5f}" for width, height in found.tolist())
    recall = best_possible_recall(positive, found)
    reason = f"mean overlap with the boxes {overlap:.3f}, {recall:.1%} within 4x; one more gains under {_GAIN}"
    return _given(count, reason, text, "the sizes themselves, so that they do not depend on the split")


def _packaged_anchors(sizes: NDArray[np.float32]) -> list[Choice]:
    """Return the anchors that the packaged weights were trained with: those of others would make them worthless."""
    known = np.array(read_weights(Path("small"))[1]["anchors"], np.float64)
    positive = sizes[(sizes > 0).all(1)]
    fit = f": {best_possible_recall(positive, known.astype(np.float32)):.1%} within 4x" if len(positive) else ""
    text = " ".join(f"{width!r},{height!r}" for width, height in known.tolist())
    return _given(
        len(known), f"those of the packaged weights{fit}", text, "the packaged weights were trained with them"
    )


def _given(count: int, why_so_many: str, text: str, why_these: str) -> list[Choice]:
    return [
        Choice("num_anchors", count, why_so_many),
        Choice("anchors", text, why_these),
        Choice("auto_anchors", False, "the anchors are given"),
    ]


def _share(facts: Facts) -> Choice:
    empty = facts.empty / facts.train if facts.train else 0.0
    if empty > 0.3:
        return Choice(
            "object_share", 0.7, f"{empty:.0%} of the images show nobody; 0.7 of the samples shall show somebody"
        )
    return Choice("object_share", None, f"only {empty:.0%} of the images show nobody: take them as they are")


def _weights(facts: Facts) -> Choice:
    counts = {name: count for name, count in zip(facts.names, facts.per_class, strict=True) if count}
    if len(counts) < 2:
        return Choice("class_weights", "none", "one class has boxes: there is nothing to weigh against it")
    rare, common = min(counts, key=counts.__getitem__), max(counts, key=counts.__getitem__)
    told = f"{rare} has {counts[rare]} boxes, {common} {counts[common]}"
    if counts[rare] < MODERATE * counts[common]:
        return Choice("class_weights", "effective", f"{told}: rare classes weigh more")
    return Choice("class_weights", "none", f"{told}: no class is rare")

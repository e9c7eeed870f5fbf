"""Several files of one model, or several models, side by side on the same images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from uhd.data.dataset import Dataset
from uhd.evaluation.dataset import infer_images, search_in_tiles, truths_of
from uhd.evaluation.evaluate import evaluate
from uhd.heads import select
from uhd.nms.suppression import Suppression
from uhd.runtime.predictor import Prediction, Predictor
from uhd.runtime.tiles import TiledPredictor
from uhd.runtime.timing import time_interleaved

Array = NDArray[np.float32]
# Detections below are not compared: nobody sees them, and there are very many.
LEAST_SCORE = 0.05
# Nor those far down the list: a file with merged output holds only so many rows.
MOST = 20
FRAME = (480, 640)
_NO_TIME = {"p50": 0.0, "p95": 0.0}


@dataclass(frozen=True)
class Row:
    """One model of a comparison.

    Attributes:
        name: of the file.
        size: bytes of the file.
        pre, model, post: ``p50`` and ``p95`` in milliseconds: preparing one 640x480 frame, the network, selecting; in
            tiles ``model`` is all of it.
        ap50, ap: on the data set.
        difference: largest difference of a score or a (normalised) box side to the first model; see
            :func:`difference`. None where neither of the two detects anything, and so nothing was compared.
    """

    name: str
    size: int
    pre: dict[str, float]
    model: dict[str, float]
    post: dict[str, float]
    ap50: float
    ap: float
    difference: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


def compare(
    predictors: Mapping[str, Predictor],
    sizes: Mapping[str, int],
    dataset: Dataset,
    runs: int = 200,
    seconds: float = 60.0,
) -> list[Row]:
    """Measure models on the same images; their timings alternate, so that none profits from a quiet moment.

    Args:
        predictors: by name; the first is what the others are compared with. Tiled ones search the photographs as
            they are, not made small beforehand.
        sizes: bytes of the file, by name.
        dataset: labelled images.
        runs: timed runs of each stage.
        seconds: limit for the timing as a whole.
    """
    truths, found = truths_of(dataset), dict[str, list[Prediction]]()
    images: dict[tuple[tuple[int, int], str], NDArray[np.uint8]] = {}
    stages: dict[str, Any] = {}
    frame = np.random.default_rng(0).integers(0, 256, (*FRAME, 3), np.uint8)
    for name, each in predictors.items():
        if isinstance(each, TiledPredictor):
            found[name] = search_in_tiles(each, dataset)
            stages[f"{name}/model"] = partial(each.predict, [frame])
            continue
        key = each.spec.input_size, each.spec.resize_mode
        if key not in images:
            images[key] = dataset.network_images(*key)
        found[name] = infer_images(each, images[key])
        batch = each.preprocess([frame])
        stages |= {
            f"{name}/pre": partial(each.preprocess, [frame]),
            f"{name}/model": partial(each.infer, batch),
            f"{name}/post": partial(each.postprocess, each.infer(batch)[0], FRAME),
        }
    taken = time_interleaved(stages, runs, min(20, runs), seconds)
    first, rows = next(iter(found.values())), []
    reference = next(iter(predictors.values())).spec.suppression
    for name, each in predictors.items():
        spec = each.spec
        # In tiles duplicates have been dropped already.
        rule = Suppression(iou=0) if isinstance(each, TiledPredictor) else spec.suppression
        metrics = evaluate(found[name], truths, spec.class_names, spec.input_size[0], suppression=rule).metrics
        worst = None
        if any(map(_shows, (*found[name], *first))):
            worst = max(difference(a, b, reference) for a, b in zip(found[name], first, strict=True))
        pre, model, post = (taken.get(f"{name}/{stage}", _NO_TIME) for stage in ("pre", "model", "post"))
        rows.append(Row(name, sizes[name], pre, model, post, metrics["AP50"], metrics["AP"], worst))
    return rows


def difference(found: Prediction, expected: Prediction, suppression: Suppression | None = None) -> float:
    """Return the largest difference between two predictions of one image, whatever their order and number.

    Each of the best ``MOST`` detections of one above ``LEAST_SCORE``, after suppression, is held against the most
    similar candidate of its class in the other: the difference is that of the score or of the box, whichever is larger,
    but never more than the detection's own score, which is what it counts where the other has nothing.
    """
    rule = (suppression or Suppression()).choosing()
    return max(_one_way(found, expected, rule), _one_way(expected, found, rule))


def _shows(found: Prediction) -> bool:
    """Return whether a prediction holds a detection that :func:`difference` compares."""
    return bool((found[1] >= LEAST_SCORE).any())


def _one_way(found: Prediction, others: Prediction, rule: Suppression) -> float:
    boxes, scores, class_ids = (each[:MOST] for each in select(*found, LEAST_SCORE, None, rule))
    worst = 0.0
    for class_id in np.unique(class_ids):
        shown = class_ids == class_id
        table = others[1][:, class_id] if class_id < others[1].shape[1] else np.zeros(len(others[1]), np.float32)
        apart = np.abs(boxes[shown][:, None] - others[0][None]).max(2, initial=0)
        apart = np.maximum(apart, np.abs(scores[shown][:, None] - table[None]))
        worst = max(worst, float(np.minimum(apart.min(1, initial=np.inf), scores[shown]).max()))
    return worst


def to_text(rows: Sequence[Row]) -> str:
    """Return the comparison as a table, with a line below it where a difference is unknown."""
    head = ["model", "size", "pre p50/p95", "model p50/p95", "post p50/p95", "AP50", "AP", "difference"]
    table = [head]
    for row in rows:
        times = [f"{each['p50']:.3f}/{each['p95']:.3f}" for each in (row.pre, row.model, row.post)]
        apart = "-" if row.difference is None else f"{row.difference:.1e}"
        table.append([row.name, f"{row.size / 1e6:.2f} MB", *times, f"{row.ap50:.4f}", f"{row.ap:.4f}", apart])
    widths = [max(len(line[i]) for line in table) for i in range(len(head))]
    lines = []
    for line in table:
        cells = [
            line[0].ljust(widths[0]),
            *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)),
        ]
        lines.append("  ".join(cells).rstrip())
    if any(row.difference is None for row in rows):
        lines.append(f"difference -: nothing to compare, neither model has a detection that scores {LEAST_SCORE}")
    return "\n".join(lines)

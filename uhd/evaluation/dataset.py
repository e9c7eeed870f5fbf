"""Score a predictor on a data set."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from uhd.data.dataset import Dataset
from uhd.evaluation.evaluate import evaluate
from uhd.evaluation.operating_points import PRECISION
from uhd.evaluation.report import Report
from uhd.objects import Objects
from uhd.read import read_image
from uhd.resize import to_network
from uhd.runtime.predictor import Prediction, Predictor
from uhd.runtime.tiles import TiledPredictor


def truths_of(dataset: Dataset) -> list[Objects]:
    """Return what is in every image."""
    return [record.objects for record in dataset.records]


def infer_images(
    predictor: Predictor,
    images: NDArray[np.uint8],
    batch_size: int = 64,
    watch: Callable[[int], None] = lambda _count: None,
) -> list[Prediction]:
    """Run a predictor on images (n, h, w, 3) already at network size; ``watch`` gets the number done so far."""
    found: list[Prediction] = []
    for start in range(0, len(images), batch_size):
        watch(start)
        found += predictor.infer(to_network(images[start : start + batch_size], predictor.spec.resize_mode))
    return found


def search_in_tiles(predictor: TiledPredictor, dataset: Dataset, least_score: float = 0.001) -> list[Prediction]:
    """Search every photograph in tiles, read from its file.

    Returns:
        Per image boxes (N, 4) ``xyxy`` normalised and scores (N, classes), 0 but for one class; without duplicates.
    """
    found: list[Prediction] = []
    for record in dataset.records:
        people = predictor.predict([read_image(record.image)], least_score)[0]
        height, width = people.image_size
        scores = np.zeros((len(people), len(predictor.spec.class_names)), np.float32)
        scores[np.arange(len(people)), people.class_ids] = people.scores
        found.append(((people.xyxy / [width, height, width, height]).astype(np.float32), scores))
    return found


def evaluate_dataset(
    predictor: Predictor,
    dataset: Dataset,
    conf_thresh: float = 0.15,
    watch: Callable[[int], None] = lambda _count: None,
    precision: float = PRECISION,
) -> Report:
    """Resize every image once, as deployment does, and score the predictor on all of them; see :func:`evaluate`."""
    spec = predictor.spec
    images = dataset.network_images(spec.input_size, spec.resize_mode)
    found = infer_images(predictor, images, watch=watch)
    return evaluate(
        found, truths_of(dataset), spec.class_names, spec.input_size[0], conf_thresh, spec.suppression,
        spec.conf_thresh, precision,
    )  # fmt: skip

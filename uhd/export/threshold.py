"""The least score that an exported file recommends, given or chosen on labelled images."""

from __future__ import annotations

from pathlib import Path

from uhd.data.config import DataConfig
from uhd.data.open import open_data, read_dataset
from uhd.errors import UserError
from uhd.evaluation.dataset import evaluate_dataset
from uhd.export.open_model import Opened
from uhd.models.predictor import TorchPredictor


def choose_threshold(opened: Opened, place: Path) -> float:
    """Return the score with the best F1 at IoU 0.5 on labelled images: on the training part of a divided data set.

    The validation part stays what it is for: figures that nothing was chosen by.

    Args:
        opened: a network.
        place: data set in any layout.

    Raises:
        UserError: no such images, nobody on them, or an ONNX file without network.
    """
    card = opened.card
    config = DataConfig(
        image_dir=place, classes=card.classes or (0,), img_size=card.input_size, resize_mode=card.resize_mode
    )
    data = open_data(config)
    dataset = read_dataset(data.train, config, data.report, progress=False)
    predictor = TorchPredictor(opened.needs_network("a threshold chosen on images"), card)
    threshold = evaluate_dataset(predictor, dataset).metrics["best_threshold"]
    if not 0 < threshold < 1:
        raise UserError(f"--threshold-data {place}: the model finds nobody there, so no score is the best")
    return threshold

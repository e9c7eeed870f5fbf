"""What a person wants to see of a run: report and curves of the last evaluation, validation images with boxes."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from uhd.detect.task import DetectTask
from uhd.draw import draw
from uhd.evaluation.curves import plot_curves
from uhd.models.heatmaps import heatmaps
from uhd.models.network import DetectorNetwork
from uhd.models.predictor import TorchPredictor
from uhd.resize import to_network
from uhd.training.hooks import Hook
from uhd.training.trainer import Trainer


class Pictures(Hook):
    """Writes report, curves and samples at a new best.

    Args:
        task: whose evaluation is shown.
        samples: validation images that are drawn.
    """

    def __init__(self, task: DetectTask, samples: int) -> None:
        self.task, self.samples = task, samples

    def on_evaluate(self, trainer: Trainer, metrics: Mapping[str, float], best: bool) -> None:
        """Write ``report.json``, ``curves.png`` and ``samples/`` of a new best model."""
        del metrics
        if best:
            assert isinstance(trainer.model, DetectorNetwork)
            write_report(self.task, trainer.folder)
            draw_samples(self.task, trainer.model, trainer.folder / "samples", self.samples)


def write_report(task: DetectTask, folder: Path) -> Path:
    """Write ``report.json`` and ``curves.png`` of the last evaluation; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    if task.report is not None:
        (folder / "report.json").write_text(task.report.to_json(), encoding="utf-8")
        if find_spec("matplotlib") is not None:
            plot_curves(task.report, folder)
    return folder


def draw_samples(
    task: DetectTask, model: DetectorNetwork, folder: Path, samples: int, heatmap: str | None = None
) -> None:
    """Write the first validation images with people, as the model sees them, with the boxes it finds.

    Args:
        task: holds the validation images.
        model: in evaluation mode.
        folder: of the pictures.
        samples: how many.
        heatmap: ``mean`` or ``sum``: beside each picture a folder of its name with a heat map of every layer.
    """
    predictor, mode = TorchPredictor(model, task.card()), task.data.resize_mode
    chosen = [i for i in range(len(task.val)) if len(task.truths[i].boxes)][:samples]
    for i in chosen:
        image, sample = task.views.show(i)
        prediction = predictor.infer(to_network(image[None], mode))[0]
        height, width = sample.image.shape[:2]
        drawn = draw(sample.image, predictor.postprocess(prediction, (height, width), task.conf_thresh))
        name = f"{i:04d}_{Path(sample.name).stem}"
        _write(folder / f"{name}.png", drawn)
        if heatmap is not None:
            for file, picture in heatmaps(model, image, mode, drawn, heatmap):
                _write(folder / name / file, picture)


def _write(path: Path, picture: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))

"""What a person wants to see of a run: loss and scores over the epochs, the last evaluation, its worst images."""

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
from uhd.evaluation.evaluate import LOWEST_SCORE, select_all
from uhd.evaluation.results_plot import plot_results
from uhd.evaluation.samples import draw_sample, rows_to_show, worst_first
from uhd.files import save_bytes_soon, save_text
from uhd.models.heatmaps import heatmap_sheet, heatmaps
from uhd.models.network import DetectorNetwork
from uhd.models.predictor import TorchPredictor
from uhd.resize import to_network
from uhd.training.hooks import Hook
from uhd.training.training_run import TrainingRun


class Pictures(Hook):
    """Writes report, curves and samples at a new best, and the whole run's loss and scores at its end.

    Args:
        task: whose evaluation is shown.
        samples: validation images that are drawn.
    """

    def __init__(self, task: DetectTask, samples: int) -> None:
        self.task, self.samples = task, samples

    def on_evaluate(self, trainer: TrainingRun, metrics: Mapping[str, float], best: bool) -> None:
        """Write ``report.json``, ``curves.png`` and ``samples/`` of a new best model."""
        del metrics
        if best:
            assert isinstance(trainer.model, DetectorNetwork)
            write_report(self.task, trainer.folder)
            folder = trainer.folder / "samples"
            # Of the best model before: other images may have been its worst.
            for old in folder.glob("[0-9][0-9][0-9][0-9]_*.png"):
                old.unlink()
            draw_samples(self.task, trainer.model, folder, self.samples)

    def on_end(self, trainer: TrainingRun) -> None:
        """Write ``results.png`` of the whole run."""
        metrics = trainer.folder / "metrics.csv"
        if metrics.is_file() and find_spec("matplotlib") is not None:
            plot_results(metrics, trainer.folder / "results.png")


def write_report(task: DetectTask, folder: Path) -> Path:
    """Write ``report.json`` and ``curves.png`` of the last evaluation; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    if task.report is not None:
        save_text(folder / "report.json", task.report.to_json())
        if find_spec("matplotlib") is not None:
            plot_curves(task.report, folder)
    return folder


def draw_samples(
    task: DetectTask, model: DetectorNetwork, folder: Path, samples: int, heatmap: str | None = None
) -> None:
    """Write the validation images with most mistakes: labels beside what the model finds, as it sees them.

    Names begin with the rank, the worst first. The least score shown is that of the best F1, which the model's file
    will carry.

    Args:
        task: holds the validation images and the last evaluation.
        model: in evaluation mode.
        folder: of the pictures.
        samples: how many.
        heatmap: ``mean`` or ``sum``: beside each picture a folder of its name with a heat map of every layer.
    """
    predictor, mode = TorchPredictor(model, task.card()), task.data.resize_mode
    threshold = task.report.metrics["best_threshold"] if task.report is not None else task.conf_thresh
    worst = worst_first(select_all(task.found), task.truths, threshold) if samples and task.found else ()
    for rank, i in enumerate(worst[:samples], 1):
        image, sample = task.views.show(int(i))
        prediction = predictor.infer(to_network(image[None], mode))[0]
        size = (sample.image.shape[0], sample.image.shape[1])
        found = predictor.postprocess(prediction, size, LOWEST_SCORE)
        name = f"{rank:04d}_{Path(sample.name).stem}"
        _write(folder / f"{name}.png", draw_sample(sample, found, threshold))
        if heatmap is not None:
            shown, _ = rows_to_show(found, threshold)
            layers = list(heatmaps(model, image, mode, draw(sample.image, shown, labels=False), heatmap))
            for file, picture in [*layers, ("layers.png", heatmap_sheet(layers))]:
                _write(folder / name / file, picture)


def _write(path: Path, picture: NDArray[np.uint8]) -> None:
    # Not cv2.imwrite: a file name that is not UTF-8 ends the program there.
    save_bytes_soon(path, cv2.imencode(path.suffix, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1].tobytes())

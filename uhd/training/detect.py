"""The task of detecting: a network, its objective, and AP on the validation images."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import torch
from torch import Tensor, nn

from uhd.compress.fake_quantise import start_epoch
from uhd.config import to_plain
from uhd.data.batch import Batch
from uhd.data.config import DataConfig
from uhd.data.dataset import Dataset
from uhd.data.multi_label import roles_of
from uhd.draw import draw
from uhd.evaluation.coco import coco_numbers
from uhd.evaluation.curves import plot_curves
from uhd.evaluation.dataset import infer_images, truths_of
from uhd.evaluation.evaluate import evaluate
from uhd.evaluation.report import Report
from uhd.losses import build_objective
from uhd.losses.config import LossConfig
from uhd.losses.targets import Targets
from uhd.models.network import DetectorNetwork
from uhd.models.predictor import TorchPredictor
from uhd.models.weights import describe
from uhd.resize import format_size, to_network
from uhd.runtime.spec import ModelSpec
from uhd.training.distill import Distillation


class DetectTask:
    """Train and measure a detector network.

    Args:
        model: the network.
        data: size, resize mode, classes.
        loss: objective.
        val: validation images.
        names: of the classes.
        conf_thresh: of drawn samples and the original's mAP.
        coco: add the COCO numbers to the metrics.
        per_class: add the AP50 of every class.
        distillation: what a teacher adds to the loss.
    """

    def __init__(
        self,
        model: DetectorNetwork,
        data: DataConfig,
        loss: LossConfig,
        val: Dataset,
        names: tuple[str, ...],
        conf_thresh: float,
        coco: bool = False,
        per_class: bool = False,
        distillation: Distillation | None = None,
    ) -> None:
        self.model: nn.Module = model
        self.distillation = distillation
        self.companion: nn.Module | None = distillation
        self.coco, self.per_class = coco, per_class
        self._network = model
        self.tag = model.tag
        self.data, self.loss_config, self.names, self.conf_thresh = data, loss, names, conf_thresh
        self.objective = build_objective(model, loss, roles_of(data))
        self.val = val
        # Deployment resizes the photograph once; so does validation, and only once per run.
        self.val_images = val.network_images(data.img_size, data.resize_mode)
        self.truths = truths_of(val)
        self.report: Report | None = None

    def start_epoch(self, epoch: int) -> None:
        """Observe ranges and move batch-norm statistics as long as ``--qat`` says; set the teacher's ramp."""
        start_epoch(self._network, epoch)
        if self.distillation is not None:
            self.distillation.start_epoch(epoch)

    def loss(self, model: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the total loss and its parts; see :class:`~uhd.training.task.Task`."""
        device = next(self._network.parameters()).device
        images = torch.from_numpy(to_network(batch.images, self.data.resize_mode)).to(device)
        if self.distillation is None:
            total, parts = self.objective(model(images), Targets.from_batch(batch, device))
            return total, parts
        with self.distillation.watching() as features:
            raw = model(images)
        total, parts = self.objective(raw, Targets.from_batch(batch, device))
        taught, terms = self.distillation(raw, features, batch)
        total = total + taught
        return total, parts | {"loss": total.detach()} | terms

    def evaluate(self, model: nn.Module) -> dict[str, float]:
        """Return the metrics of a model on the validation images."""
        assert isinstance(model, DetectorNetwork)
        found = infer_images(TorchPredictor(model, self._spec()), self.val_images)
        self.report = evaluate(found, self.truths, self.names, self.data.img_size[0], self.conf_thresh)
        metrics = dict(self.report.metrics)
        if self.coco:
            numbers = coco_numbers(found, self.truths, len(self.names))
            metrics |= {f"COCO/{name}": value for name, value in numbers.items()}
        if self.per_class:
            metrics |= {f"AP50/class {name}": value for name, value in self.report.classes.items()}
        return metrics

    def describe(self) -> dict[str, Any]:
        """Return plain values that rebuild the model and its input."""
        return describe(
            self._network,
            img_size=format_size(self.data.img_size),
            resize_mode=self.data.resize_mode,
            classes=list(self.data.classes),
            multi_label_mode=self.data.multi_label_mode,
            multi_label_det_classes=list(self.data.multi_label_det_classes),
            multi_label_attr_classes=list(self.data.multi_label_attr_classes),
            class_names=list(self.names),
        )

    def settings(self) -> dict[str, Any]:
        """Return the configurations that a resumed run continues with; they name places on this machine."""
        taught = {} if self.distillation is None else {"distill_config": to_plain(self.distillation.config)}
        return {"loss_config": to_plain(self.loss_config), "data_config": to_plain(self.data)} | taught

    def illustrate(self, model: nn.Module, folder: Path, samples: int) -> None:
        """Write ``report.json``, ``curves.png`` and the first validation images with people, with the boxes found."""
        assert isinstance(model, DetectorNetwork)
        if self.report is not None:
            (folder / "report.json").write_text(self.report.to_json(), encoding="utf-8")
            if find_spec("matplotlib") is not None:
                plot_curves(self.report, folder)
        if not samples:
            return
        folder = folder / "samples"
        folder.mkdir(parents=True, exist_ok=True)
        predictor = TorchPredictor(model, self._spec())
        chosen = [i for i in range(len(self.val)) if len(self.val.records[i].boxes)][:samples]
        for i in chosen:
            sample = self.val[i]
            found = predictor.predict([sample.image], self.conf_thresh)[0]
            picture = cv2.cvtColor(draw(sample.image, found), cv2.COLOR_RGB2BGR)
            cv2.imwrite(str(folder / f"{i:04d}_{Path(sample.name).stem}.png"), picture)

    def _spec(self) -> ModelSpec:
        return ModelSpec(self.data.img_size, self.data.resize_mode, self.names)

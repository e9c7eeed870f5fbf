"""The task of detecting: a network, its objective, and AP on the validation images."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from uhd.assigners.targets import Targets
from uhd.card import ModelCard
from uhd.compress.fake_quantise import start_epoch
from uhd.compress.prune_config import PruneConfig
from uhd.config import to_plain
from uhd.data.batch import Batch
from uhd.data.batch_maker import Transform
from uhd.data.config import DataConfig
from uhd.data.dataset import Dataset
from uhd.data.multi_label import roles_of
from uhd.detect.backbone_start import backbone_rates
from uhd.detect.config import DetectConfig
from uhd.detect.distill import Distillation
from uhd.detect.joined import can_be_joined, join_batches, join_raw
from uhd.evaluation.coco import coco_numbers
from uhd.evaluation.dataset import infer_images
from uhd.evaluation.evaluate import evaluate
from uhd.evaluation.report import Report
from uhd.evaluation.views import Views
from uhd.losses import build_objective
from uhd.losses.config import LossConfig
from uhd.models.network import DetectorNetwork, Raw
from uhd.models.predictor import TorchPredictor
from uhd.models.weights import describe
from uhd.nms import Suppression
from uhd.resize import to_network
from uhd.runtime.predictor import Prediction
from uhd.trained_on import TrainedOn
from uhd.training.parameters import ParameterGroups, group_parameters
from uhd.training.task import Metric


class DetectTask:
    """Train and measure a detector network.

    Args:
        model: the network.
        data: size, resize mode, classes.
        loss: objective.
        val: validation images.
        names: of the classes.
        conf_thresh: of the original's mAP.
        coco: add the COCO numbers to the metrics.
        per_class: add the AP50 of every class.
        distillation: what a teacher adds to the loss.
        val_transform: augmentation of the validation images, None to resize them only.
        detect, prune: settings of the run, stored in its checkpoints.
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
        val_transform: Transform | None = None,
        detect: DetectConfig | None = None,
        prune: PruneConfig | None = None,
    ) -> None:
        # In this order convolutions on a processor take two thirds of the time; values and files stay the same.
        self.model: nn.Module = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.distillation = distillation
        self.companion: nn.Module | None = distillation
        self.coco, self.per_class, self.detect, self.prune = coco, per_class, detect, prune
        self._network = model
        self.tag, self.metric = model.tag, Metric("AP50", label="map")
        self.data, self.loss_config, self.names, self.conf_thresh = data, loss, names, conf_thresh
        self.objective = build_objective(model, loss, roles_of(data))
        self.val = val
        self.views = Views(val, data.img_size, data.resize_mode, val_transform)
        self.val_images, self.truths = self.views.read()  # once per run
        self.report: Report | None = None
        self.found: list[Prediction] = []  # of the last evaluation, image by image
        self.trained_on: TrainedOn | None = None

    @property
    def divided_by(self) -> str | None:
        """The part of the loss that all of it is divided by; None where its terms are divided by several numbers.

        Those of a teacher, of the original's objective and of the hardest negatives are not sums over positives alone.
        """
        loss, network = self.loss_config, self._network
        per_positive = loss.objective == "aligned" and loss.anchor_cls_loss != "vfl-legacy" and not loss.ohem_ratio
        # The two branches of a one-to-one head have a number of positives each.
        one = network.kind == "anchor" or (network.kind == "ltrb" and network.repeats)
        alone = one and self.distillation is None
        return "positives" if per_positive and alone else None

    def parameter_groups(self) -> ParameterGroups:
        """Return the network's parameters by what optimisers may do with them."""
        rates = backbone_rates(self._network, self.detect)
        return group_parameters(self._network, self._network.answers(), self._network.scales(), rates)

    def start_epoch(self, epoch: int) -> None:
        """Observe ranges and move batch-norm statistics as long as ``--qat`` says; set the teacher's ramp."""
        start_epoch(self._network, epoch)
        if self.distillation is not None:
            self.distillation.start_epoch(epoch)

    def loss(self, model: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the total loss and its parts; see :class:`~uhd.training.task.Task`."""
        return self.joined_loss(model, [batch])

    def joins(self, batches: Sequence[Batch]) -> bool:
        """Whether batches of one step need :meth:`joined_loss` to be as one, and can be given to it."""
        return self.divided_by is None and can_be_joined(batches)

    def joined_loss(self, model: nn.Module, batches: Sequence[Batch]) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss of several batches joined, and its parts; the network sees one batch after the other.

        Args:
            model: see :class:`~uhd.training.task.Task`.
            batches: of images of one size.
        """
        device = next(self._network.parameters()).device
        watching: AbstractContextManager[list[Tensor]] = (
            nullcontext([]) if self.distillation is None else self.distillation.watching()
        )
        with watching as features:
            # What averages gradients over processes shares buffers with each of its calls, and may be called once.
            networks = [model, *[self._network] * (len(batches) - 1)]
            raws = [network(self._images(batch, device)) for network, batch in zip(networks, batches, strict=True)]
        batch, raw = (batches[0], raws[0]) if len(batches) == 1 else self._join(batches, raws)
        total, parts = self.objective(raw, Targets.from_batch(batch, device))
        if self.distillation is None:
            return total, parts
        taught, terms = self.distillation(raw, [torch.cat(features)] if features else [], batch)
        alpha = self.distillation.config.distill_alpha
        total = total + taught if alpha is None else (1 - alpha) * total + alpha * taught
        return total, parts | {"loss": total.detach()} | terms

    def _images(self, batch: Batch, device: torch.device) -> Tensor:
        return torch.from_numpy(to_network(batch.images, self.data.resize_mode, channels_last=True)).to(device)

    def _join(self, batches: Sequence[Batch], raws: Sequence[Raw]) -> tuple[Batch, Raw]:
        return join_batches(batches), join_raw(raws, self._network.kind)

    def evaluate(self, model: nn.Module) -> dict[str, float]:
        """Return the metrics of a model on the validation images."""
        assert isinstance(model, DetectorNetwork)
        card = self.card()
        self.found = found = infer_images(TorchPredictor(model, card), self.val_images)
        self.report = evaluate(
            found, self.truths, self.names, self.data.img_size[0], self.conf_thresh, card.suppression
        )
        metrics = dict(self.report.metrics)
        if self.coco:
            numbers = coco_numbers(found, self.truths, len(self.names))
            metrics |= {f"COCO/{name}": value for name, value in numbers.items()}
        if self.per_class:
            metrics |= {f"AP50/class {name}": value for name, value in self.report.classes.items()}
        return metrics

    def describe(self) -> dict[str, Any]:
        """Return plain values that rebuild the model and its input."""
        return describe(self._network, **self.card().to_checkpoint())

    def settings(self) -> dict[str, Any]:
        """Return the configurations that a resumed run continues with; they name places on this machine."""
        taught = {} if self.distillation is None else {"distill_config": to_plain(self.distillation.config)}
        own: dict[str, Any] = {"loss_config": to_plain(self.loss_config), "data_config": to_plain(self.data)}
        own["working_folder"] = str(Path.cwd())  # to which relative paths in them belong
        if self.prune is not None and self.prune.on:
            own["prune_config"] = to_plain(self.prune)
        return own | ({} if self.detect is None else {"detect_config": to_plain(self.detect)}) | taught

    def card(self) -> ModelCard:
        """Return the card of the model that is trained, with the figures of the last evaluation."""
        plain = ModelCard(
            self.data.img_size,
            self.data.resize_mode,
            self.names,
            classes=self.data.classes,
            multi_label_mode=self.data.multi_label_mode,
            multi_label_det_classes=self.data.multi_label_det_classes,
            multi_label_attr_classes=self.data.multi_label_attr_classes,
            trained_on=self.trained_on,
            suppression=Suppression() if self._network.repeats else Suppression(iou=0.0),
            precision="float32" if self._network.quantisation is None else "fake-quantised",
        )
        return plain if self.report is None else plain.with_metrics(self.report.metrics, "val", self._data_name())

    def _data_name(self) -> str:
        place = self.data.image_dir or self.data.val_list
        return "" if place is None else place.resolve().name

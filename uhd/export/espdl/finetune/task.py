"""The task of training the weights of a quantised graph on: what the chip will compute is what learns.

Scales stay as calibration found them (powers of two); weights move below them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from uhd.assigners.targets import Targets
from uhd.card import ModelSpec
from uhd.config import to_plain
from uhd.data.batch import Batch
from uhd.data.dataset import Dataset
from uhd.errors import UserError
from uhd.evaluation.dataset import infer_images, truths_of
from uhd.evaluation.evaluate import evaluate
from uhd.evaluation.original_map import original_map
from uhd.export.espdl.finetune.config import FinetuneConfig
from uhd.export.espdl.finetune.graph import QuantisedGraph
from uhd.export.espdl.finetune.outputs import raw_of
from uhd.export.espdl.simulator import RawMapPredictor
from uhd.heads import HeadLayout, select
from uhd.losses import build_loss
from uhd.losses.aligned import AlignedLoss
from uhd.losses.anchor import AnchorLoss
from uhd.losses.config import LossConfig
from uhd.resize import input_channels, to_network
from uhd.runtime.predictor import Predictor
from uhd.runtime.raw_output import fields_of, read_layout
from uhd.training.parameters import ParameterGroups, group_parameters
from uhd.training.task import Metric

Array = NDArray[np.float32]
# Of the files in a run folder: they hold weights of a graph that calibration makes, not a network.
TASK = "espdl-finetuning"


class FinetuneTask:
    """Train and measure a quantised graph.

    Args:
        graph: with its weights.
        constants: ``anchors`` and ``wh_scale`` (A, 2).
        metadata: of the model, with the score.
        spec: how it is fed.
        outputs: those that loss and score use.
        val: validation images.
        config: everything else, kept in checkpoints.
        kept: more plain values that a resumed run needs.

    Raises:
        UserError: outputs and score do not agree.
    """

    tag: str = "espdl"
    metric: Metric = Metric("AP50", label="map")
    companion: nn.Module | None = None

    def __init__(
        self,
        graph: QuantisedGraph,
        constants: Mapping[str, Array],
        metadata: Mapping[str, str],
        spec: ModelSpec,
        outputs: list[str],
        val: Dataset,
        config: FinetuneConfig,
        kept: Mapping[str, Any],
    ) -> None:
        self.model: nn.Module = graph
        self.constants, self.metadata, self.spec, self.outputs = constants, metadata, spec, outputs
        self.val, self.config, self.kept = val, config, kept
        blank = np.zeros((1, input_channels(spec.resize_mode), *spec.input_size), np.float32)
        try:
            self.layout = read_layout({**self._maps(graph.run(blank)), **constants}, metadata)
        except ValueError as error:
            raise UserError(f"the model cannot be read: {error}; say the score with --score-mode") from None
        self.objective = objective_of(config, self.layout, fields_of(outputs))
        self.wh_scale = torch.from_numpy(self.layout.wh_scale)
        self._told = {"loss", *fields_of(outputs)}

    def parameter_groups(self) -> ParameterGroups:
        """Return the weights and biases of all layers."""
        return group_parameters(self.model)

    def start_epoch(self, epoch: int) -> None:
        """Nothing depends on the epoch; see :class:`~uhd.training.task.Task`."""

    def loss(self, model: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the total loss and its parts; see :class:`~uhd.training.task.Task`."""
        images = torch.from_numpy(to_network(batch.images, self.spec.resize_mode))
        raw = raw_of(model(images), self.layout)
        total, parts = self.objective(raw, Targets.from_batch(batch, images.device), self.wh_scale)
        return total, {name: value for name, value in parts.items() if name in self._told}

    def evaluate(self, model: nn.Module) -> dict[str, float]:
        """Return the metrics on the validation images; nothing with ``--no-eval``."""
        assert isinstance(model, QuantisedGraph)
        return {} if self.config.no_eval else measure(self.predictor(model.run), self.val, self.config)

    def predictor(self, run: Callable[[Array], Mapping[str, Array]]) -> Predictor:
        """Return a form of the graph, as what it maps images (n, C, h, w) to, scored as the others are."""
        return RawMapPredictor(lambda batch: self._maps(run(batch)), self.constants, self.metadata,
                               input_size=self.spec.input_size, resize_mode=self.spec.resize_mode)  # fmt: skip

    def describe(self) -> dict[str, Any]:
        """Return what the weights in a run folder are."""
        return {"task": TASK, "target": self.config.target, "bits": self.config.num_of_bits}

    def settings(self) -> dict[str, Any]:
        """Return what a resumed run continues with."""
        return {"finetune_config": to_plain(self.config), **self.kept}

    def _maps(self, tensors: Mapping[str, Array]) -> dict[str, Array]:
        return {name: np.asarray(tensors[name]) for name in self.outputs}


def objective_of(config: FinetuneConfig, layout: HeadLayout, fields: set[str]) -> AlignedLoss | AnchorLoss:
    """Return the original's objective for the outputs there are."""
    loss = LossConfig(
        objective="original", iou_loss=config.iou_loss, anchor_cls_loss=config.anchor_cls_loss,
        anchor_assigner="simota-legacy" if config.anchor_assigner == "simota" else "legacy",
        simota_topk=config.simota_topk, loss_weight_box=1.0, loss_weight_cls=1.0,
        loss_weight_obj=1.0 if "obj" in fields else 0.0, loss_weight_quality=1.0,
    )  # fmt: skip
    anchors = torch.from_numpy(layout.anchors)
    return build_loss(loss, anchors, layout.num_classes, layout.has_quality, layout.score_mode, layout.quality_power)


def measure(predictor: Predictor, val: Dataset, config: FinetuneConfig) -> dict[str, float]:
    """Return ``AP50``, ``AP`` and the original's ``mAP@0.5`` (by its thresholds) on the validation images."""
    spec = predictor.spec
    found = infer_images(predictor, val.network_images(spec.input_size, spec.resize_mode))
    truths = truths_of(val)
    rule = spec.suppression
    metrics = evaluate(found, truths, spec.class_names, spec.input_size[0], config.conf_thresh, rule).metrics
    kept = [select(boxes, scores, config.conf_thresh, None, rule.at(config.nms_thresh)) for boxes, scores in found]
    theirs = original_map(kept, truths, len(spec.class_names), config.iou_thresh)["mAP@0.5"]
    return {"AP50": metrics["AP50"], "AP": metrics["AP"], "mAP": theirs}

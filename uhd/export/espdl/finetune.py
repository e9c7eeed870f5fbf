"""Train the weights of a quantised graph on, under the rounding of the chip: what it will compute is what learns.

Scales stay as calibration found them (powers of two); weights move below them, and gradients pass the rounding straight
through (esp-ppq's own quantiser does so, except where a value is clipped).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from uhd.assigners.targets import Targets
from uhd.card import ModelSpec
from uhd.data.dataset import Dataset
from uhd.data.loader import Loader
from uhd.errors import UserError
from uhd.evaluation.dataset import infer_images, truths_of
from uhd.evaluation.evaluate import evaluate
from uhd.evaluation.original_map import original_map
from uhd.export.espdl.finetune_config import FinetuneConfig
from uhd.export.espdl.simulator import RawMapPredictor, Simulation
from uhd.heads import HeadLayout, select
from uhd.losses import build_loss
from uhd.losses.config import LossConfig
from uhd.resize import to_network
from uhd.runtime.predictor import Predictor
from uhd.runtime.raw_output import read_layout

Array = NDArray[np.float32]
_TRAINED = ("Conv", "Gemm", "ConvTranspose")
PARTS = ("box", "obj", "quality", "cls")


class TrainableSimulation(Simulation):
    """A quantised graph whose weights have gradients.

    Args:
        graph: of esp-ppq, quantised, on the CPU; its weights are changed by whoever steps :attr:`weights`.
    """

    def __init__(self, graph: Any) -> None:
        super().__init__(graph)
        self.weights: dict[str, Tensor] = {}
        for operation in graph.operations.values():
            if operation.type in _TRAINED:
                for variable in operation.parameters:
                    if isinstance(variable.value, Tensor) and variable.value.is_floating_point():
                        self.weights[variable.name] = variable.value

    def learn(self, on: bool) -> None:
        """Switch the gradients of the weights; esp-ppq writes and copies graphs without only."""
        for value in self.weights.values():
            value.requires_grad_(on)

    def __call__(self, images: Tensor) -> dict[str, Tensor]:
        """Return the outputs for images (B, C, h, w), by name, with gradient."""
        if self._one_by_one and len(images) > 1:
            parts = [self(images[i : i + 1]) for i in range(len(images))]
            return {name: torch.cat([part[name] for part in parts]) for name in self.outputs}
        for sizes in self._resizes:
            sizes.value[0] = len(images)
        try:
            found = self.executor.forward_with_gradient(images)
        finally:
            for sizes in self._resizes:
                sizes.value[0] = 1
        return dict(zip(self.outputs, found, strict=True))

    def _run(self, batch: Array) -> dict[str, Array]:
        with torch.no_grad():
            return {name: value.cpu().numpy() for name, value in self(torch.from_numpy(batch.copy())).items()}


def wanted_outputs(names: list[str], config: FinetuneConfig, typed: Collection[str] = ()) -> list[str]:
    """Return the outputs that loss and score use.

    Raises:
        UserError: not the outputs of a detector as separate maps, or one that is asked for is missing.
    """
    if "box" not in names:
        raise UserError(
            f"outputs {', '.join(names)}: fine-tuning needs separate maps; export with --no-merge-postprocess "
            "--noconcat-box-obj-quality-cls, or give the .safetensors or .pt file"
        )
    if "use_quality" in typed and config.use_quality and "quality" not in names:
        raise UserError("--use-quality: the model has no quality output")
    off = {"quality": not config.use_quality, "cls": config.disable_cls}
    return [name for name in names if name in PARTS and not off.get(name)]


def score_metadata(
    table: Mapping[str, str], outputs: list[str], config: FinetuneConfig, typed: Collection[str] = ()
) -> dict[str, str]:
    """Return the metadata with the score that the flags, the file, or its outputs tell, in this order."""
    mode = config.score_mode
    if "score_mode" not in typed:
        # What a flag leaves out is no part of the score, whatever the file says.
        fields = [part for part in (table.get("score_mode") or "").split("_") if part in outputs]
        mode = "_".join(fields or [part for part in PARTS[1:] if part in outputs])
    changed = {**table, "score_mode": mode}
    if "quality_power" in typed or not table.get("quality_power"):
        changed["quality_power"] = str(config.quality_power)
    return changed


def raw_of(tensors: Mapping[str, Tensor], layout: HeadLayout) -> Tensor:
    """Interleave separate maps into (B, A * no, h, w), with gradient; the twin of ``runtime.raw_output.raw_map``.

    A map that the graph lacks is 0 without gradient.
    """
    b, _, h, w = tensors["box"].shape
    parts = [
        tensors[name].reshape(b, layout.num_anchors, channels, h, w)
        if name in tensors
        else tensors["box"].new_zeros(b, layout.num_anchors, channels, h, w)
        for name, channels in layout.fields.items()
    ]
    return torch.cat(parts, 2).flatten(1, 2)


@dataclass
class Finetuning:
    """The weights of a quantised graph and what trains them.

    Args:
        graph: of esp-ppq, quantised.
        constants: ``anchors`` and ``wh_scale`` (A, 2).
        metadata: of the model, with the score.
        spec: how it is fed.
        outputs: those that loss and score use.
        config: everything else.
    """

    graph: Any
    constants: Mapping[str, Array]
    metadata: Mapping[str, str]
    spec: ModelSpec
    outputs: list[str]
    config: FinetuneConfig
    simulation: TrainableSimulation = field(init=False)

    def __post_init__(self) -> None:
        self.simulation = TrainableSimulation(self.graph)
        blank = np.zeros((1, self._channels(), *self.spec.input_size), np.float32)
        try:
            self.layout = read_layout(self._used(self.simulation.run(blank)), self.metadata)
        except ValueError as error:
            raise UserError(f"the model cannot be read: {error}; say the score with --score-mode") from None
        config, layout = self.config, self.layout
        objective = LossConfig(
            objective="original", iou_loss=config.iou_loss, anchor_cls_loss=config.anchor_cls_loss,
            anchor_assigner="simota-legacy" if config.anchor_assigner == "simota" else "legacy",
            simota_topk=config.simota_topk, loss_weight_box=1.0, loss_weight_cls=1.0,
            loss_weight_obj=1.0 if "obj" in self.outputs else 0.0, loss_weight_quality=1.0,
        )  # fmt: skip
        self._told = {"loss", *self.outputs}
        anchors = torch.from_numpy(layout.anchors)
        self.loss = build_loss(
            objective, anchors, layout.num_classes, layout.has_quality, layout.score_mode, layout.quality_power
        )
        self.wh_scale = torch.from_numpy(layout.wh_scale)
        self.start = {name: value.detach().clone() for name, value in self.simulation.weights.items()}
        self.optimiser = torch.optim.SGD(
            list(self.simulation.weights.values()), config.lr, config.momentum, weight_decay=config.weight_decay
        )

    def run_epoch(self, loader: Loader, epoch: int, say: Callable[[str], None]) -> dict[str, float]:
        """Train one epoch; returns the means of the loss parts.

        Raises:
            UserError: the loss is not finite.
        """
        sums: dict[str, Tensor] = {}
        self.simulation.learn(True)
        try:
            for batch in loader.epoch(epoch):
                images = torch.from_numpy(to_network(batch.images, self.spec.resize_mode))
                raw = raw_of(self.simulation(images), self.layout)
                total, parts = self.loss(raw, Targets.from_batch(batch, images.device), self.wh_scale)
                if not bool(torch.isfinite(total)):
                    raise UserError("the loss is not finite: lower --lr or check the labels")
                self.optimiser.zero_grad(set_to_none=True)
                total.backward()
                self.optimiser.step()
                for name, value in parts.items():
                    sums[name] = sums.get(name, torch.zeros(())) + value
        finally:
            self.simulation.learn(False)
        means = {name: float(value) / len(loader) for name, value in sums.items() if name in self._told}
        say("  ".join([f"epoch {epoch + 1}/{self.config.epochs}", *(f"{k} {v:.4f}" for k, v in means.items())]))
        return means

    def moved(self) -> float:
        """Return how far the weights have moved, as a share of their length."""
        change = sum(float((v.detach() - self.start[k]).square().sum()) for k, v in self.simulation.weights.items())
        size = sum(float(v.square().sum()) for v in self.start.values())
        return float((change / max(size, 1e-12)) ** 0.5)

    def predictor(self) -> Predictor:
        """Return the quantised graph as it is now."""
        return RawMapPredictor(lambda batch: self._maps(self.simulation.run(batch)), self.constants, self.metadata,
                               input_size=self.spec.input_size, resize_mode=self.spec.resize_mode)  # fmt: skip

    def reference(self, run: Callable[[Array], Mapping[str, Array]]) -> Predictor:
        """Return another form of the same outputs (the float graph), scored in the same way."""
        return RawMapPredictor(lambda batch: self._maps(run(batch)), self.constants, self.metadata,
                               input_size=self.spec.input_size, resize_mode=self.spec.resize_mode)  # fmt: skip

    def _maps(self, tensors: Mapping[str, Array]) -> dict[str, Array]:
        return {name: np.asarray(tensors[name]) for name in self.outputs}

    def _used(self, tensors: Mapping[str, Array]) -> dict[str, Array]:
        return {**self._maps(tensors), **self.constants}

    def _channels(self) -> int:
        from uhd.resize import input_channels

        return input_channels(self.spec.resize_mode)


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

"""A student that learns from a teacher beside its labels: runs the teacher, weighs the terms, holds the adapter."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from uhd.data.batch import Batch
from uhd.data.config import DataConfig
from uhd.detect.teacher import Teachers, check_size_of_view, pair_anchors
from uhd.errors import UserError
from uhd.losses.distillation.config import DistillConfig
from uhd.losses.distillation.features import build_adapter, correlation_loss, normalised_l1
from uhd.losses.distillation.terms import TERMS, name_of
from uhd.models.folding import fold
from uhd.models.network import AnchorNetwork, DetectorNetwork, Raw
from uhd.resize import format_size, is_point_sampling, to_network

BACKBONE_WEIGHT = 1.0
_MAPS = ("kl", "box_l1", "obj", "quality")  # terms of the predictions


class Distillation(nn.Module):
    """The teacher's part of the loss. Its only parameters are those of the adapter.

    Args:
        student: network to be trained.
        teachers: networks to learn from; they are set to evaluation and never get a gradient.
        config: terms and weights.
        size: (h, w) of the student's images.
        mode: resize mode of the student's images.
        epochs: length of the run, for the ramp.
        device: where all of it runs.

    Attributes:
        weights: term -> weight, of the terms in force.
        view: (size, resize mode) at which the teachers need images of their own, or None.
        adapter: from the student's features to the teacher's; no parameters where none are needed.

    Raises:
        UserError: a term that was asked for has no meaning for this pair.
    """

    def __init__(
        self,
        student: DetectorNetwork,
        teachers: Teachers,
        config: DistillConfig,
        size: tuple[int, int],
        mode: str,
        epochs: int,
        device: torch.device,
    ) -> None:
        super().__init__()
        self.config, self.epochs, self.factor = config, epochs, 1.0
        self.mode, self._device = mode, device
        # In a tuple the networks are no part of this module: no parameters, no weights in checkpoints.
        for network in (teachers.detector, teachers.backbone):
            if network is not None:
                fold(network.to(device).eval().requires_grad_(False))
        self._networks = (student, teachers)
        same = teachers.size == size and is_point_sampling(teachers.mode) == is_point_sampling(mode)
        self.view = None if same else (teachers.size, teachers.mode)
        self.weights = resolve_weights(config, student, teachers)
        self._pairs: tuple[int, ...] | None = None
        if isinstance(student, AnchorNetwork) and isinstance(teachers.detector, AnchorNetwork) and not self._original:
            self._pairs = pair_anchors(student, teachers.detector)
        self.adapter: nn.Module = nn.Identity()
        if "feat" in self.weights:
            channels = _channels(student, size, device), self._teacher_channels()
            self.adapter = build_adapter(*channels).to(device)

    def start_epoch(self, epoch: int) -> None:
        """Set the ramp for an epoch, 0-based: 1, or half a cosine up from nearly 0 to 1 in the last epoch."""
        if self.config.distill_cosine:
            self.factor = 0.5 * (1 - math.cos(math.pi * min(1.0, (epoch + 1) / self.epochs)))

    def summary(self) -> str:
        """Return one line: who teaches, at which size, and what each term counts for."""
        teachers, config = self._networks[1], self.config
        names = [str(path) for path in (config.teacher_ckpt, config.teacher_backbone) if path is not None]
        terms = ", ".join(f"{name.replace('_', '-')} {weight:g}" for name, weight in self.weights.items())
        pairs = "" if self._pairs is None else "; other anchors, each learns from the one nearest in size"
        return f"learning from {' and '.join(names)} at {format_size(teachers.size)}: {terms}{pairs}"

    @contextmanager
    def watching(self) -> Iterator[list[Tensor]]:
        """Collect the student's features while it runs: one map (B, C, h, w) per forward pass."""
        seen: list[Tensor] = []
        if "feat" not in self.weights:
            yield seen
            return
        handle = feature_module(self._networks[0]).register_forward_hook(lambda _, __, out: seen.append(out))
        try:
            yield seen
        finally:
            handle.remove()

    def forward(self, raw: Raw, features: list[Tensor], batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Return what is to be added to the loss, and the unweighted terms as detached scalars ``distill_...``.

        Args:
            raw: the student's raw maps, with gradient.
            features: what :meth:`watching` collected.
            batch: the images, for the teachers.
        """
        student, teachers = self._networks
        images = batch.images if batch.teacher_images is None else batch.teacher_images
        terms: dict[str, Tensor] = {}
        feature: Tensor | None = None
        watched = teachers.detector if "feat" in self.weights else None
        with torch.no_grad(), self._precision(), _watch(watched) as seen:
            if teachers.detector is not None:
                taught = teachers.detector(self._tensor(images, teachers.mode))
            if "feat" in self.weights:
                feature = seen[0] if teachers.backbone is None else teachers.backbone(self._tensor(images, "rgb"))
        wanted = frozenset(self.weights) - {"feat"}
        if wanted and teachers.detector is not None:
            compared = TERMS[student.kind].terms
            heat = self.config.distill_temperature
            terms |= compared(student, raw, teachers.detector, taught, wanted, heat, self._original, self._pairs)
        if feature is not None:
            compare = normalised_l1 if self._original else correlation_loss
            terms["feat"] = compare(self.adapter(features[0].float()), feature.float())
        total = sum((self.weights[name] * term for name, term in terms.items()), torch.zeros((), device=self._device))
        return total * self.factor, {f"distill_{name}": term.detach() for name, term in terms.items()}

    def _precision(self) -> AbstractContextManager[Any]:
        """Return the context in which the teacher computes: its own type, or that of the step around it."""
        if self.config.teacher_dtype == "float32":
            return nullcontext()
        return torch.autocast(self._device.type, torch.bfloat16)

    @property
    def _original(self) -> bool:
        return self.config.distill_objective == "original"

    def _tensor(self, images: Any, mode: str) -> Tensor:
        tensor = to_network(images, _RGB if mode == "rgb" else mode, channels_last=True)
        return torch.from_numpy(tensor).to(self._device)

    def _teacher_channels(self) -> int:
        teachers = self._networks[1]
        if teachers.backbone is not None:
            return teachers.backbone.config.width
        assert teachers.detector is not None
        return _channels(teachers.detector, teachers.size, self._device)


_RGB = "opencv_inter_nearest"  # any mode without a change of colours


def build_distillation(
    student: DetectorNetwork,
    teachers: Teachers | None,
    config: DistillConfig,
    data: DataConfig,
    epochs: int,
    device: torch.device,
) -> Distillation | None:
    """Return the teacher's part of the loss; None without a teacher, or when every term is switched off.

    Raises:
        UserError: a term that was asked for has no meaning for this pair.
    """
    if teachers is None:
        return None
    distillation = Distillation(student, teachers, config, data.img_size, data.resize_mode, epochs, device)
    return distillation if distillation.weights else None


def resolve_weights(config: DistillConfig, student: DetectorNetwork, teachers: Teachers) -> dict[str, float]:
    """Return the weights of the terms in force: what the user says, else what suits the pair.

    Raises:
        UserError: a term that the user asks for has no meaning for this pair.
    """
    given = {
        "kl": config.distill_kl,
        "box_l1": config.distill_box_l1,
        "obj": config.distill_obj,
        "quality": config.distill_quality,
        "feat": config.distill_feat,
    }
    refusals = _refusals(config, student, teachers)
    for name, weight in given.items():
        if weight and name in refusals:
            raise UserError(f"--distill-{name.replace('_', '-')}: {refusals[name]}")
    usual = TERMS[student.kind].weights | ({"feat": BACKBONE_WEIGHT} if teachers.backbone is not None else {})
    chosen = {name: usual.get(name, 0.0) if weight is None else weight for name, weight in given.items()}
    chosen |= {name: chosen[name] * config.distill_weight for name in _MAPS}
    in_force = {name: weight for name, weight in chosen.items() if weight and name not in refusals}
    # With the original's zeros nothing is learnt from a teacher: that is its default, and no error.
    if not in_force and config.distill_weight and any(weight is None for weight in given.values()):
        raise UserError(
            "this student can learn nothing from this teacher: " + "; ".join(sorted(set(refusals.values())))
        )
    if set(_MAPS) & set(in_force):
        assert teachers.detector is not None
        if isinstance(student, AnchorNetwork) and isinstance(teachers.detector, AnchorNetwork):
            check_size_of_view(teachers, config.teacher_ckpt)  # type: ignore[arg-type]
    return in_force


def _refusals(config: DistillConfig, student: DetectorNetwork, teachers: Teachers) -> dict[str, str]:
    """Return term -> why it has no meaning for this pair."""
    found: dict[str, str] = {}
    teacher, maps = teachers.detector, _MAPS
    if teacher is None:
        return dict.fromkeys(maps, "a vision backbone teaches features only (--distill-feat)")
    where = config.teacher_ckpt
    if teacher.kind != student.kind:
        reason = (
            f"the predictions of {name_of(student)} and of the teacher {where}, {name_of(teacher)}, "
            "mean different things"
        )
        found |= dict.fromkeys(maps, reason)
    elif teacher.config.num_classes != student.config.num_classes:
        count = teacher.config.num_classes, student.config.num_classes
        found |= dict.fromkeys(maps, f"the teacher {where} knows {count[0]} classes, the student {count[1]}")
    else:
        found |= TERMS[student.kind].refusals(student, teacher, config.distill_objective == "original")
        found |= dict.fromkeys(teachers.untrained, f"{where} was made of an ONNX file, which had no such branch")
    for network, who in ((student, "student"), (teacher, "teacher")):
        if _find_features(network) is None and not (who == "teacher" and teachers.backbone is not None):
            found["feat"] = f"{name_of(network)} (the {who}) has no feature map"
    return found


def feature_module(network: DetectorNetwork) -> nn.Module:
    """Return the module whose output (B, C, h, w) is the network's feature map."""
    found = _find_features(network)
    assert found is not None
    return found


def _find_features(network: DetectorNetwork) -> nn.Module | None:
    names = ("features", "backbone", "stage3")  # of a network that another framework computes, the first
    return next((found for name in names if isinstance(found := getattr(network, name, None), nn.Module)), None)


@contextmanager
def _watch(network: DetectorNetwork | None) -> Iterator[list[Tensor]]:
    seen: list[Tensor] = []
    module = None if network is None else _find_features(network)
    if module is None:
        yield seen
        return
    handle = module.register_forward_hook(lambda _, __, out: seen.append(out))
    try:
        yield seen
    finally:
        handle.remove()


@torch.no_grad()
def _channels(network: DetectorNetwork, size: tuple[int, int], device: torch.device) -> int:
    training = network.training
    with _watch(network) as seen:
        network.eval()(torch.zeros(1, network.config.in_channels, *size, device=device))
    network.train(training)
    return seen[0].shape[1]

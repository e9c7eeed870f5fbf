"""The teachers of a run: read from their files, checked against what the user says of them, never trained."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from uhd.anchors import wh_iou
from uhd.errors import UserError
from uhd.losses.distillation.config import DistillConfig
from uhd.models.network import AnchorNetwork, DetectorNetwork, check_size
from uhd.models.vision_transformer import VisionTransformer, vit_of
from uhd.models.weights import architecture_of, load_model, read_weights, unsaid, untrained
from uhd.resize import canonical_mode, format_size, parse_size

_SAME_ANCHOR = 0.7  # least wh-IoU of two anchors that stand for the same sizes


@dataclass(frozen=True, eq=False)
class Teachers:
    """What a student learns from; at least one of the two networks.

    Attributes:
        detector: teaches its predictions and, without a backbone, its features.
        backbone: teaches its features.
        size: (h, w) at which both see the crop.
        mode: resize mode of the detector, or the student's.
        trained_at: (h, w) at which the detector was trained, as far as its file tells.
        untrained: branches of the detector that were never trained.
    """

    detector: DetectorNetwork | None
    backbone: VisionTransformer | None
    size: tuple[int, int]
    mode: str
    trained_at: tuple[int, int] | None = None
    untrained: tuple[str, ...] = ()


def load_teachers(config: DistillConfig, size: tuple[int, int], mode: str) -> Teachers | None:
    """Read the teachers that a configuration names; averaged weights where a file has them.

    Args:
        config: files, and what the user says of them.
        size: the student's image size, for a teacher that does not know its own.
        mode: the student's resize mode, likewise.

    Raises:
        UserError: a file cannot be used, contradicts the flags, or cannot see images of the wanted size.
    """
    if not config.active:
        _refuse_alone(config)
        return None
    detector = backbone = trained_at = None
    new: tuple[str, ...] = ()
    if config.teacher_ckpt is not None:
        # Some files of the original do not tell it; where a file does, the flag is checked against it.
        said = None if config.teacher_heads is None else {"heads": config.teacher_heads}
        state, meta = read_weights(config.teacher_ckpt)
        arch, _ = architecture_of(state, meta, config.teacher_ckpt)
        detector, meta = load_model(config.teacher_ckpt, changes=said if unsaid(arch, meta) else None)
        _check(config, detector, config.teacher_ckpt)
        trained_at, mode = _size_of(meta), canonical_mode(str(meta.get("resize_mode") or mode))
        size = trained_at or size
        detector.requires_grad_(False)
        new = untrained(meta)
    size = config.teacher_img_size or size
    if detector is not None:
        check_size(size, detector.stride)
    if config.teacher_backbone is not None:
        state, _ = read_weights(config.teacher_backbone)
        imagenet = config.teacher_backbone_norm == "imagenet"
        backbone = vit_of(state, config.teacher_backbone, config.teacher_backbone_arch, imagenet)
        patch = backbone.config.patch
        if size[0] % patch or size[1] % patch:
            raise UserError(
                f"{config.teacher_backbone}: cannot see images of {format_size(size)}: give --teacher-img-size in "
                f"multiples of its patches of {patch} pixels"
            )
    return Teachers(detector, backbone, size, mode, trained_at, new)


def take_anchors(config: Any, teachers: Teachers | None, override: bool) -> Any:
    """Return the student's configuration, with the teacher's anchors when that is asked for.

    Raises:
        UserError: there is no teacher with anchors.
    """
    if not override:
        return config
    detector = teachers.detector if teachers is not None else None
    if not isinstance(detector, AnchorNetwork) or not hasattr(config, "anchors"):
        raise UserError("--override-from-teacher-anchors: student and teacher must both have anchors")
    from dataclasses import replace

    anchors = tuple((float(w), float(h)) for w, h in detector.anchors.tolist())
    return replace(config, anchors=anchors, num_anchors=len(anchors))


def pair_anchors(student: AnchorNetwork, teacher: AnchorNetwork) -> tuple[int, ...] | None:
    """Return for every anchor of the student the teacher's anchor that teaches it, -1 for none.

    Pairs are one to one, with the largest sum of overlaps; the anchors that are left over neither teach nor learn.

    Returns:
        None where anchor i of both stands for the same sizes already.
    """
    from scipy.optimize import linear_sum_assignment

    mine, theirs = (np.asarray(n.anchors.detach().cpu().numpy(), np.float32) for n in (student, teacher))
    fit = wh_iou(mine, theirs)
    if len(mine) == len(theirs) and float(fit.diagonal().min()) >= _SAME_ANCHOR:
        return None
    pairs = np.full(len(mine), -1)
    own, other = linear_sum_assignment(-fit)
    pairs[own] = other
    return tuple(pairs.tolist())


def check_size_of_view(teachers: Teachers, where: Path) -> None:
    """Raise UserError when the teacher's anchors, which are shares of the image, are shares of another image."""
    if teachers.trained_at not in (None, teachers.size):
        seen, own = format_size(teachers.size), format_size(teachers.trained_at)
        raise UserError(
            f"--teacher-img-size {seen}: {where} was trained at {own}, and its anchors are shares of such an image: at "
            f"{seen} its boxes are wrong. Use a teacher that was trained at {seen}, or learn its features only "
            "(--distill-feat 1, the other terms 0)"
        )


def _size_of(meta: dict[str, Any]) -> tuple[int, int] | None:
    size = meta.get("img_size")
    if not size:
        return None
    return parse_size(size if isinstance(size, str) else "x".join(str(int(side)) for side in size))


def _check(config: DistillConfig, teacher: DetectorNetwork, where: Path) -> None:
    if config.teacher_arch is not None and config.teacher_arch != teacher.arch:
        raise UserError(f"--teacher-arch {config.teacher_arch}: {where} holds a model of {teacher.arch}")
    told = {
        "num_queries": config.teacher_num_queries,
        "d_model": config.teacher_d_model,
        "heads": config.teacher_heads,
        "layers": config.teacher_layers,
        "dim_feedforward": config.teacher_dim_feedforward,
        "use_skip": config.teacher_use_skip,
        "activation": config.teacher_activation,
        "use_fpn": config.teacher_use_fpn,
    }
    for name, said in told.items():
        if said is None or said is False:
            continue
        flag = f"--teacher-{name.replace('_', '-')}" + ("" if said is True else f" {said}")
        if not hasattr(teacher.config, name):
            raise UserError(f"{flag}: the teacher in {where} is of {teacher.arch}, which has no such setting")
        found = getattr(teacher.config, name)
        if {"silu": "swish"}.get(found, found) != said:
            raise UserError(f"{flag}: the teacher in {where} has {found}")


def _refuse_alone(config: DistillConfig) -> None:
    """Refuse flags that mean nothing without a teacher, so that nobody waits for a distillation that is none."""
    weights = tuple(f"distill_{name}" for name in ("kl", "box_l1", "obj", "quality", "feat"))
    for field in (*weights, "distill_cosine", "teacher_img_size", "override_from_teacher_anchors"):
        if getattr(config, field):
            raise UserError(f"--{field.replace('_', '-')} needs a teacher: --teacher-ckpt FILE")

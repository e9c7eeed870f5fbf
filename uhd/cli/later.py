"""Flags of the original that are known but whose features are not here yet."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from uhd.cli.flags import Resolved
from uhd.config import flag_of, knob, knob_of, preset
from uhd.errors import UserError

_BACKBONES = ("microcspnet", "ultratinyresnet", "enhanced-shufflenet", "none")
_SE = ("none", "se", "ese")
_TARGETS = ("backbone", "head", "both", "none")
_CNN, _DETR, _QUANT, _DISTILL = (
    "cnn (not yet)",
    "transformer (not yet)",
    "quantisation (not yet)",
    "distillation (not yet)",
)
_LABELS, _MISC = "multi-label (not yet)", "more (not yet)"


@dataclass(frozen=True)
class LaterTrainConfig:
    """Training flags that are parsed, shown and refused when used."""

    teacher_ckpt: Path | None = knob(None, "teacher checkpoint", group=_DISTILL)
    teacher_arch: str | None = knob(None, "teacher architecture", group=_DISTILL)
    teacher_num_queries: int | None = knob(None, "queries of the teacher", group=_DISTILL)
    teacher_d_model: int | None = knob(None, "width of the teacher", group=_DISTILL)
    teacher_heads: int | None = knob(None, "heads of the teacher", group=_DISTILL)
    teacher_layers: int | None = knob(None, "layers of the teacher", group=_DISTILL)
    teacher_dim_feedforward: int | None = knob(None, "feed-forward width of the teacher", group=_DISTILL)
    teacher_use_skip: bool = knob(False, "skips in the teacher", group=_DISTILL)
    teacher_activation: str | None = knob(None, "activation of the teacher", group=_DISTILL, choices=("relu", "swish"))
    teacher_use_fpn: bool = knob(False, "FPN in the teacher", group=_DISTILL)
    teacher_backbone: Path | None = knob(None, "vision backbone as feature teacher", group=_DISTILL)
    teacher_backbone_arch: str | None = knob(None, "its architecture", group=_DISTILL)
    teacher_backbone_norm: str = knob("imagenet", "its input", group=_DISTILL, choices=("imagenet", "none"))
    override_from_teacher_anchors: bool = knob(False, "take the teacher's anchors", group=_DISTILL)
    distill_kl: float = knob(0.0, "weight of class distillation", group=_DISTILL)
    distill_box_l1: float = knob(0.0, "weight of box distillation", group=_DISTILL)
    distill_obj: float = knob(0.0, "weight of objectness distillation", group=_DISTILL)
    distill_quality: float = knob(0.0, "weight of quality distillation", group=_DISTILL)
    distill_cosine: bool = knob(False, "ramp the distillation up", group=_DISTILL)
    distill_temperature: float = knob(1.0, "temperature", group=_DISTILL)
    distill_feat: float = knob(0.0, "weight of feature distillation", group=_DISTILL)
    qat: bool = knob(False, "quantisation-aware training", group=_QUANT)
    qat_backend: str = knob("fbgemm", "its backend", group=_QUANT, choices=("fbgemm", "qnnpack"))
    qat_fuse: bool = knob(False, "fuse before it", group=_QUANT)
    qat_disable_observer_epoch: int = knob(2, "epoch that ends observing", group=_QUANT)
    qat_freeze_bn_epoch: int = knob(3, "epoch that freezes batch-norm", group=_QUANT)
    w_bits: int = knob(0, "fake-quantised weight bits", group=_QUANT)
    a_bits: int = knob(0, "fake-quantised activation bits", group=_QUANT)
    quant_target: str = knob("both", "where", group=_QUANT, choices=_TARGETS)
    lowbit_quant_target: str | None = knob(None, "where low bits", group=_QUANT, choices=_TARGETS)
    lowbit_w_bits: int | None = knob(None, "low weight bits", group=_QUANT)
    lowbit_a_bits: int | None = knob(None, "low activation bits", group=_QUANT)
    highbit_quant_target: str = knob("none", "where high bits", group=_QUANT, choices=_TARGETS)
    highbit_w_bits: int = knob(8, "high weight bits", group=_QUANT)
    highbit_a_bits: int = knob(8, "high activation bits", group=_QUANT)
    use_skip: bool = knob(False, "skips in the cnn", group=_CNN)
    backbone: str | None = knob(None, "backbone of the cnn", group=_CNN, choices=_BACKBONES)
    backbone_channels: str | None = knob(None, "its channels", group=_CNN)
    backbone_blocks: str | None = knob(None, "its blocks", group=_CNN)
    backbone_se: str = knob("none", "its channel attention", group=_CNN, choices=_SE)
    backbone_skip: bool = knob(False, "long skips, added", group=_CNN)
    backbone_skip_cat: bool = knob(False, "long skips, concatenated", group=_CNN)
    backbone_skip_shuffle_cat: bool = knob(False, "long skips, shuffled", group=_CNN)
    backbone_skip_s2d_cat: bool = knob(False, "long skips, space to depth", group=_CNN)
    backbone_fpn: bool = knob(False, "feature pyramid", group=_CNN)
    backbone_out_stride: int | None = knob(None, "its stride", group=_CNN)
    use_anchor: bool = knob(False, "anchor head on the cnn", group=_CNN)
    last_se: str = knob("none", "channel attention at the end", group=_CNN, choices=_SE)
    last_width_scale: float = knob(1.0, "width of the last stage", group=_CNN)
    num_queries: int = knob(10, "queries", group=_DETR)
    d_model: int = knob(64, "width", group=_DETR)
    heads: int = knob(4, "attention heads", group=_DETR)
    layers: int = knob(3, "layers", group=_DETR)
    dim_feedforward: int = knob(128, "feed-forward width", group=_DETR)
    use_fpn: bool = knob(False, "feature pyramid", group=_DETR)
    multi_label_mode: str = knob("none", "attribute head", group=_LABELS, choices=("none", "single", "separate"))
    multi_label_det_classes: str | None = knob(None, "classes with boxes", group=_LABELS)
    multi_label_attr_classes: str | None = knob(None, "classes that are attributes", group=_LABELS)
    multi_label_attr_weight: float = knob(1.0, "weight of the attributes", group=_LABELS)
    val_aug_config: Path | None = knob(None, "augmentation of validation images", group=_MISC)
    heatmap: str | None = knob(
        None,
        "feature heat maps of --val-only",
        group=_MISC,
        choices=("mean", "sum"),
        shortcuts={"with_heatmap_mean": "mean", "with_heatmap_sum": "sum"},
    )
    auto_anchors_plot: bool = knob(False, "plot the chosen anchors", group=_MISC)
    auto_anchors_plot_path: Path | None = knob(None, "where to", group=_MISC)


def refuse_later(resolved: Resolved, kind: type[object]) -> None:
    """Raise UserError when a flag of a feature that is not here yet was given a value other than its default."""
    config, defaults = resolved.configs[kind], preset(kind, resolved.preset)
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        if getattr(config, field.name) != getattr(defaults, field.name):
            raise UserError(f"--{flag_of(field)} ({knob_of(field).help}) is not available yet")

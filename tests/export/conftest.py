"""Models whose every weight is random, so that no branch, bias or statistic is a constant that hides a mistake."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from uhd.models import create_model
from uhd.models.network import DetectorNetwork
from uhd.models.ultratinyod import UltraTinyOD, UltraTinyODConfig

torch.set_num_threads(1)

IOU_AWARE = {"use_improved_head": True, "use_iou_aware_head": True}
LEGACY = {"use_improved_head": False, "use_iou_aware_head": False, "activation": "swish"}
CONFIGS: dict[str, dict[str, Any]] = {
    "iou_aware": IOU_AWARE,
    "improved_only": {"use_iou_aware_head": False, "activation": "swish"},
    "legacy": {**LEGACY, "utod_large_obj_branch": False, "utod_head_ese": False, "utod_residual": False},
    "classless": {**IOU_AWARE, "disable_cls": True, "utod_sppf_scale": "conv"},
    "three_classes": {**IOU_AWARE, "num_classes": 3},
    "three_classes_obj": {"use_iou_aware_head": False, "num_classes": 3, "score_mode": "obj_quality"},
    "no_batchnorm": {**IOU_AWARE, "use_batchnorm": False},
    "power_and_rfb": {"quality_power": 2.0, "score_mode": "obj_quality_cls", "utod_context_rfb": True},
    "leftover_batchnorm": {**IOU_AWARE, "utod_sppf_scale": "bn"},
    "dense": {**IOU_AWARE, "utod_conv": "std"},
    "split_box": {**IOU_AWARE, "utod_quant_arch": 8},
    "dual_residual": {**IOU_AWARE, "utod_quant_arch": 9},
    "stride_4": {**IOU_AWARE, "output_stride": 4, "num_anchors": 2},
    "stride_16": {**IOU_AWARE, "output_stride": 16},
}


def make_model(name: str = "iou_aware", width: int = 4, seed: int = 0, **changes: Any) -> UltraTinyOD:
    rng = np.random.default_rng(seed)
    config = {"cnn_width": width, **CONFIGS[name], **changes}
    count = config.get("num_anchors", 8)
    anchors = tuple((float(w), float(h)) for w, h in rng.uniform(0.05, 0.5, (count, 2)))
    model = UltraTinyOD(UltraTinyODConfig(**config, anchors=anchors))
    randomise(model, rng)
    return model


def randomise(model: DetectorNetwork, rng: np.random.Generator) -> None:
    """Give every weight, bias, statistic and gain a random value, and leave evaluation mode on."""
    state = {}
    for key, value in model.state_dict().items():
        if not value.is_floating_point() or key.endswith("anchors"):
            state[key] = value
        elif value.ndim == 4 or (value.ndim == 2 and not key.endswith(("wh_scale", "query_embed.weight"))):
            fan_in = value[0].numel()
            state[key] = torch.from_numpy(rng.uniform(-1, 1, value.shape).astype(np.float32)) * 2.2 / fan_in**0.5
        else:
            # Statistics, biases, gains: around one where they divide or multiply.
            gain = ("running_var", "wh_scale", "bn.weight", "norm1.weight", "norm2.weight", "norm3.weight")
            centre = 1.0 if key.endswith(gain) else 0.0
            state[key] = torch.as_tensor(centre + rng.uniform(-0.4, 0.4, value.shape), dtype=torch.float32)
    model.load_state_dict(state)
    model.eval()


_SMALL_TRANSFORMER = {"d_model": 16, "heads": 2, "layers": 1, "dim_feedforward": 24, "num_queries": 7}
# Every architecture and family, by what decides how its output is read.
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "utod": ("ultratinyod", IOU_AWARE),
    "utod_obj": ("ultratinyod", {"use_iou_aware_head": False, "num_classes": 3}),
    "utod_legacy": ("ultratinyod", LEGACY),
    "utod_classless": ("ultratinyod", {**IOU_AWARE, "disable_cls": True}),
    "utod_classes": ("ultratinyod", {**IOU_AWARE, "num_classes": 3}),
    "utod_multi_label": ("ultratinyod", {**IOU_AWARE, "num_classes": 2, "multi_label_mode": "single"}),
    "utod_attributes": ("ultratinyod", {**IOU_AWARE, "num_attributes": 2, "multi_label_mode": "separate"}),
    "utod_anchor_free": ("ultratinyod", {**IOU_AWARE, "head": "anchor_free"}),
    "utod_one_to_one": ("ultratinyod", {**IOU_AWARE, "head": "one_to_one", "reg_max": 4, "num_classes": 3}),
    "centernet": ("cnn", {"output_stride": 8}),
    "centernet_classes": ("cnn", {"num_classes": 3, "use_skip": True, "last_se": "ese", "topk": 999}),
    "centernet_any_cell": ("cnn", {"heatmap_peaks": False, "topk": 999}),
    "anchor_cnn": ("cnn", {"use_anchor": True, "num_classes": 2, "num_anchors": 3, "last_se": "se"}),
    "transformer": ("transformer", _SMALL_TRANSFORMER),
    "transformer_classes": ("transformer", {**_SMALL_TRANSFORMER, "use_fpn": True, "num_classes": 3}),
}


def make_family(name: str, seed: int = 0, **changes: Any) -> DetectorNetwork:
    arch, config = FAMILIES[name]
    width = {} if arch == "transformer" else {"cnn_width": 4}
    model = create_model(arch, **width, **config, **changes)
    randomise(model, np.random.default_rng(seed))
    if model.kind == "centernet":
        # Width and height are in cells and must be positive.
        model.head_wh.bias.data += 3
    return model


def class_names(model: DetectorNetwork) -> tuple[str, ...]:
    count = max(1, model.config.num_classes) + getattr(model.config, "num_attributes", 0)
    return tuple(f"class {i}" for i in range(count))

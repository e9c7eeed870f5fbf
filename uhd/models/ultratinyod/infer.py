"""The architecture of an UltraTinyOD from its weights: names, shapes, and the original's metadata."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from uhd.models.ultratinyod.config import UltraTinyODConfig


def config_of(state: Mapping[str, Tensor], meta: Mapping[str, Any]) -> UltraTinyODConfig | None:
    """Return the configuration, or None when the weights are not of an UltraTinyOD.

    Args:
        state: state dict.
        meta: the original's keys; they tell what no shape shows (activation, stride, score).
    """
    stem, anchors = state.get("backbone.stem.conv.weight"), state.get("head.anchors")
    if stem is None or anchors is None or "head.obj_out.weight" not in state:
        return None
    width, count = stem.shape[0], len(anchors)

    def has(prefix: str) -> bool:
        return any(name.startswith(prefix) for name in state)

    def outputs(name: str) -> int:
        return state[f"head.{name}.weight"].shape[0] // count if has(f"head.{name}.") else 0

    fuse = state.get("head.large_obj_fuse.conv.weight")
    blocks = {name.split(".")[2] for name in state if name.startswith("head.large_obj_blocks.")}
    scale = "conv" if has("backbone.sppf.scale_x.conv.") else "bn" if has("backbone.sppf.scale_x.") else "none"
    values = {
        "cnn_width": width,
        "in_channels": stem.shape[1],
        "num_classes": max(1, outputs("cls_out")),
        "num_attributes": outputs("attr_out"),
        "multi_label_mode": "separate" if has("head.attr_out.") else str(meta.get("multi_label_mode") or "none"),
        "anchors": tuple((float(w), float(h)) for w, h in anchors),
        "num_anchors": count,
        "output_stride": meta.get("output_stride") or None,
        "activation": meta.get("activation") or "swish",
        "use_batchnorm": has("backbone.stem.bn."),
        "use_improved_head": has("head.context_res."),
        "use_iou_aware_head": has("head.box_tower."),
        "quality_power": float(meta.get("quality_power") or 1.0),
        "score_mode": meta.get("score_mode") or None,
        "disable_cls": not has("head.cls_out."),
        "utod_residual": has("backbone.block3_skip."),
        "utod_head_ese": has("head.head_se."),
        "utod_context_rfb": has("head.head_rfb."),
        "utod_context_dilation": int(meta.get("utod_context_dilation") or 2),
        "utod_large_obj_branch": fuse is not None,
        "utod_large_obj_depth": max(1, len(blocks)),
        "utod_large_obj_ch_scale": fuse.shape[1] / (4 * width) if fuse is not None else 1.0,
        "utod_conv": "std" if has("backbone.block1.conv.") else "dw",
        "utod_sppf_scale": scale,
        "utod_quant_arch": int(meta.get("utod_quant_arch") or _variant(state)),
    }
    return UltraTinyODConfig(**values)  # type: ignore[arg-type]


def _variant(state: Mapping[str, Tensor]) -> int:
    """Return the ``--utod-quant-arch`` whose weights these are; 4, which has none of its own, is told by metadata."""
    gain = "head.box_tower_res_alpha_raw" in state
    if "backbone.block1_skip.conv.weight" in state:
        return 11 if gain else 10
    if "head.box_tower_res1_alpha_raw" in state:
        return 9
    low_rank = "head.box_tower.1.pw_reduce.conv.weight" in state
    if "head.box_out_xy.weight" in state:
        return 7 if gain else 8 if low_rank else 3
    if "head.large_obj_gate_raw" in state:
        return 6 if gain else 5
    return 1 if gain else 2 if low_rank else 0

"""The architecture of a cnn from its weights: names, shapes, and the original's metadata."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from uhd.models.backbones.ultratinyresnet import ORIGINAL_PYRAMID
from uhd.models.cnn.config import CNNConfig

Shapes = dict[str, tuple[int, ...]]


def config_of(state: Mapping[str, Tensor], meta: Mapping[str, Any]) -> CNNConfig | None:
    """Return the configuration, or None when the weights are not of a cnn.

    Args:
        state: state dict.
        meta: the original's keys; they tell what no shape shows (activation, stride of the trunk, skips without
            weights).
    """
    shapes: Shapes = {name: tuple(value.shape) for name, value in state.items()}
    has_anchors = "anchors" in shapes and "head.weight" in shapes
    if not has_anchors and "head_hm.weight" not in shapes:
        return None
    body = _backbone(shapes) if _has(shapes, "backbone.") else _trunk(shapes, meta)
    if body is None:
        return None
    if has_anchors:
        count = shapes["anchors"][0]
        head: dict[str, Any] = {
            "use_anchor": True,
            "anchors": tuple((float(w), float(h)) for w, h in state["anchors"]),
            "num_anchors": count,
            "num_classes": shapes["head.weight"][0] // count - 5,
        }
    else:
        head = {"num_classes": shapes["head_hm.weight"][0]}
    return CNNConfig(**body, **head, activation=meta.get("activation") or "swish")


def _trunk(shapes: Shapes, meta: Mapping[str, Any]) -> dict[str, Any] | None:
    if "stem.0.weight" not in shapes or "stage3.pw.weight" not in shapes:
        return None
    width, in_channels = shapes["stem.0.weight"][:2]
    return {
        "cnn_width": width,
        "in_channels": in_channels,
        "output_stride": meta.get("output_stride") or None,
        "use_batchnorm": "stem.1.weight" in shapes,
        "use_skip": "skip_s2.weight" in shapes or bool(meta.get("use_skip")),
        "last_se": _attention(shapes, "se."),
        "last_width_scale": shapes["stage3.pw.weight"][0] / width,
    }


def _backbone(shapes: Shapes) -> dict[str, Any] | None:
    attended = _has(shapes, "backbone.backbone.")
    prefix = "backbone.backbone." if attended else "backbone."
    inner = {name.removeprefix(prefix): shape for name, shape in shapes.items() if name.startswith(prefix)}
    options: dict[str, Any]
    if "csp2.conv1.conv.weight" in inner:
        options = {"backbone": "microcspnet", "in_channels": inner["conv1.conv.weight"][1]}
    elif "stage2_shortcut.conv.weight" in inner:
        skip = "global_proj1.conv.weight" in inner
        options = {
            "backbone": "enhanced-shufflenet",
            "in_channels": inner["conv1.conv.weight"][1],
            "backbone_skip": skip,
        }
    elif _has(inner, "blocks.") or _has(inner, "downs."):
        options = _resnet(inner)
    else:
        return None
    first = "stem" if options["backbone"] == "ultratinyresnet" else "conv1"
    options["backbone_se"] = _attention(shapes, "backbone.se.") if attended else "none"
    options["use_batchnorm"] = f"{first}.bn.weight" in inner
    return options


def _resnet(inner: Shapes) -> dict[str, Any]:
    width, in_channels = inner["stem.conv.weight"][:2]
    downs = _indices(inner, "downs.")
    channels = (width, *(inner[f"downs.{i}.conv.weight"][0] for i in downs))
    extra = len(_indices(inner, "extra_downs."))
    options: dict[str, Any] = {
        "backbone": "ultratinyresnet",
        "in_channels": in_channels,
        "backbone_channels": channels,
        "backbone_blocks": tuple(len(_indices(inner, f"blocks.{i}.")) for i in range(len(channels))),
        "backbone_fpn": _has(inner, "fpn_laterals.") or _has(inner, ORIGINAL_PYRAMID),
        "backbone_out_stride": 2 ** (len(channels) - 1 + extra) if extra else None,
    }
    projection = inner.get("skip_proj.0.conv.weight")
    if _has(inner, ORIGINAL_PYRAMID):
        return options  # its skips reach nothing
    if projection is not None:
        options["backbone_skip"] = True
        if projection[2] == 3:
            options["backbone_skip_shuffle_cat"] = True
        elif projection[1] > width:
            options["backbone_skip_s2d_cat"] = True
        elif "skip_concat_reduce.conv.weight" in inner:
            options["backbone_skip_cat"] = True
    return options


def _attention(shapes: Shapes, prefix: str) -> str:
    return "ese" if f"{prefix}fc.weight" in shapes else "se" if f"{prefix}fc1.weight" in shapes else "none"


def _indices(shapes: Shapes, prefix: str) -> list[int]:
    return sorted({int(name.removeprefix(prefix).split(".")[0]) for name in shapes if name.startswith(prefix)})


def _has(shapes: Shapes, prefix: str) -> bool:
    return any(name.startswith(prefix) for name in shapes)

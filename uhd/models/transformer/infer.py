"""The architecture of a query transformer from its weights: names, shapes, and the original's metadata."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from uhd.models.transformer.config import TransformerConfig


def config_of(state: Mapping[str, Tensor], meta: Mapping[str, Any]) -> TransformerConfig | None:
    """Return the configuration, or None when the weights are not of a query transformer.

    Args:
        state: state dict.
        meta: the original's keys; they tell what no shape shows: heads and activation.
    """
    queries, classes = state.get("query_embed.weight"), state.get("class_head.weight")
    first = state.get("stem.weight", state.get("patch.weight"))
    inner = state.get("encoder.layers.0.linear1.weight")
    if queries is None or classes is None or first is None or inner is None:
        return None
    return TransformerConfig(
        in_channels=first.shape[1],
        num_classes=classes.shape[0] - 1,
        num_queries=queries.shape[0],
        d_model=queries.shape[1],
        heads=int(meta.get("heads") or 4),
        layers=len({name.split(".")[2] for name in state if name.startswith("encoder.layers.")}),
        dim_feedforward=inner.shape[0],
        use_fpn="stem.weight" in state,
        activation=meta.get("activation") or "swish",
        use_batchnorm="stem.weight" not in state or "fpn1.bn.weight" in state,
    )

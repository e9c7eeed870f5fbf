"""Every architecture by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from uhd.config import from_plain
from uhd.errors import UserError, nearest
from uhd.models.cnn import CNNConfig, build_cnn
from uhd.models.cnn import infer as cnn_infer
from uhd.models.network import DetectorNetwork
from uhd.models.transformer import QueryTransformer, TransformerConfig
from uhd.models.transformer import infer as transformer_infer
from uhd.models.ultratinyod import UltraTinyOD, UltraTinyODConfig
from uhd.models.ultratinyod import infer as ultratinyod_infer


@dataclass(frozen=True)
class Architecture:
    """How an architecture is configured, built, and recognised.

    Attributes:
        config: frozen dataclass of knobs.
        network: builds it with fresh weights.
        infer: (state dict, metadata) -> configuration, or None for weights of another architecture.
    """

    config: type[Any]
    network: Callable[[Any], DetectorNetwork]
    infer: Callable[[Mapping[str, Tensor], Mapping[str, Any]], Any]


ARCHITECTURES: dict[str, Architecture] = {
    "ultratinyod": Architecture(UltraTinyODConfig, UltraTinyOD, ultratinyod_infer.config_of),
    "cnn": Architecture(CNNConfig, build_cnn, cnn_infer.config_of),
    "transformer": Architecture(TransformerConfig, QueryTransformer, transformer_infer.config_of),
}


def create_model(name: str = "ultratinyod", **config: Any) -> DetectorNetwork:
    """Build a model with fresh weights.

    Args:
        name: architecture; see ``ARCHITECTURES``.
        config: fields of its configuration, e.g. ``cnn_width=16``.

    Raises:
        UserError: unknown architecture, unknown or invalid field.
    """
    if name not in ARCHITECTURES:
        choices = ", ".join(ARCHITECTURES)
        raise UserError(f"unknown architecture {name!r}{nearest(name, ARCHITECTURES)}: choose from {choices}")
    architecture = ARCHITECTURES[name]
    return architecture.network(from_plain(architecture.config, config, name))

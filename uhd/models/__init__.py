"""Every architecture by name. Configurations are at hand; what builds and recognises networks is imported on use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from uhd.config import from_plain
from uhd.errors import UserError, nearest
from uhd.models.cnn.config import CNNConfig
from uhd.models.transformer.config import TransformerConfig
from uhd.models.ultratinyod.config import UltraTinyODConfig

if TYPE_CHECKING:
    from torch import Tensor

    from uhd.models.network import DetectorNetwork


@dataclass(frozen=True)
class Architecture:
    """How an architecture is configured, built, and recognised.

    Attributes:
        config: frozen dataclass of knobs.
        builder: where what takes a configuration and returns the network is, ``module:name``.
        recogniser: where what finds the configuration of a state dict is, ``module:name``.
        unsaid: knobs that no shape shows and no file of the original records.
    """

    config: type[Any]
    builder: str
    recogniser: str
    unsaid: tuple[str, ...] = ()

    def network(self, config: Any) -> DetectorNetwork:
        """Return a network with fresh weights."""
        network: DetectorNetwork = _imported(self.builder)(config)
        return network

    def infer(self, state: Mapping[str, Tensor], meta: Mapping[str, Any]) -> Any:
        """Return the configuration of weights and their metadata, or None for weights of another architecture."""
        return _imported(self.recogniser)(state, meta)


# The one list of names: flags, exports and checkpoints take theirs from here.
ARCHITECTURES: dict[str, Architecture] = {
    "ultratinyod": Architecture(
        UltraTinyODConfig,
        "uhd.models.ultratinyod.build:build_ultratinyod",
        "uhd.models.ultratinyod.infer:config_of",
    ),
    "cnn": Architecture(CNNConfig, "uhd.models.cnn.network:build_cnn", "uhd.models.cnn.infer:config_of"),
    "transformer": Architecture(
        TransformerConfig,
        "uhd.models.transformer.network:QueryTransformer",
        "uhd.models.transformer.infer:config_of",
        ("heads",),
    ),
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


def _imported(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)

"""Files from torch to Keras and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from uhd.card import ModelCard
from uhd.errors import UserError
from uhd.keras_detector.convert import assign_state_dict, state_dict_of
from uhd.keras_detector.files import open_keras_model, save_keras_model
from uhd.keras_detector.model import create_keras_model
from uhd.models.ultratinyod.network import UltraTinyOD
from uhd.models.weights import State, describe, load_model, save_weights


def torch_to_keras(source: Path, target: Path) -> Path:
    """Write the Keras twin of a checkpoint; its figures stay, since its numbers do.

    Raises:
        UserError: unreadable, another architecture than UltraTinyOD, or an option that Keras does not have.
    """
    network, meta = load_model(source)
    if network.widths is not None:
        raise UserError(
            f"{source}: is pruned, and Keras builds its layers from --cnn-width alone; ONNX, LiteRT and C take it"
        )
    if not isinstance(network, UltraTinyOD):
        raise UserError(f"{source}: is a {network.arch} ({network.kind} head); Keras has UltraTinyOD with anchors only")
    if network.quantisation is not None:
        raise UserError(f"{source}: is trained for few bits, which exists in torch only; export it instead")
    card = ModelCard.from_checkpoint(meta)
    model = create_keras_model(network.config, card.input_size)
    assign_state_dict(model, {name: tensor.detach().numpy() for name, tensor in network.state_dict().items()})
    return save_keras_model(model, target, network.config, card)


def keras_to_torch(source: Path, target: Path) -> Path:
    """Write the torch twin of a ``.keras`` file as ``.safetensors``.

    Raises:
        UserError: unreadable, or no detector of this package.
    """
    state, meta = keras_weights(source)
    save_weights(target, state, meta)
    return target


def keras_weights(source: Path) -> tuple[State, dict[str, Any]]:
    """Return the weights of a ``.keras`` file as the torch network has them, and the metadata that rebuild it.

    Raises:
        UserError: unreadable, or no detector of this package.
    """
    model, config, card = open_keras_model(source)
    network = UltraTinyOD(config)
    network.load_state_dict({name: torch.from_numpy(value) for name, value in state_dict_of(model).items()})
    return network.state_dict(), describe(network, **card.to_checkpoint())

"""Weights from a torch state dict to Keras and back, to the bit; nothing may be missing or left over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from uhd.errors import UserError
from uhd.keras_detector.anchor_table import anchor_table

Array = NDArray[np.float32]
# Keras weight -> torch tensor.
_BATCH_NORM = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}


@dataclass(frozen=True, eq=False)
class Pair:
    """A Keras variable and the way to its values from those of the torch tensor, and back.

    Attributes:
        variable: of the Keras model.
        there: order of the torch tensor's axes in Keras, () for the same.
        back: order of the variable's axes in torch, () for the same.
    """

    variable: Any
    there: tuple[int, ...] = ()
    back: tuple[int, ...] = ()


def _names(layer: keras.layers.Layer) -> dict[str, tuple[str, tuple[int, ...], tuple[int, ...]]]:
    """Return by Keras weight name: the torch tensor's name, the order of axes in Keras, the order in torch."""
    if isinstance(layer, keras.layers.BatchNormalization):
        return {ours: (theirs, (), ()) for ours, theirs in _BATCH_NORM.items()}
    if isinstance(layer, keras.layers.DepthwiseConv2D):  # (C, 1, k, k) <-> (k, k, C, 1)
        return {"kernel": ("weight", (2, 3, 0, 1), (2, 3, 0, 1))}
    if isinstance(layer, keras.layers.Conv2D):  # (O, I, k, k) <-> (k, k, I, O)
        return {"kernel": ("weight", (2, 3, 1, 0), (3, 2, 0, 1)), "bias": ("bias", (), ())}
    return {"anchors": ("anchors", (), ()), "wh_scale": ("wh_scale", (), ())}


def pairs_of(model: keras.Model) -> dict[str, Pair]:
    """Return the variables of a Keras detector by the names of the torch network's tensors."""
    found = {}
    for layer in dict.fromkeys([*model.layers, anchor_table(model)]):  # once, where an old file has it as a layer
        names = _names(layer) if layer.weights else {}
        for variable in layer.weights:
            theirs, there, back = names[variable.name]
            found[f"{layer.name.replace('__', '.')}.{theirs}"] = Pair(variable, there, back)
    return found


def state_dict_of(model: keras.Model) -> dict[str, Array]:
    """Return the weights of a Keras detector under the torch network's names, in its shapes.

    Batch-norm's ``num_batches_tracked`` counts steps in torch only; it is 0.
    """
    state: dict[str, Array] = {}
    for name, pair in pairs_of(model).items():
        values = np.asarray(keras.ops.convert_to_numpy(pair.variable), np.float32)
        state[name] = np.ascontiguousarray(values.transpose(pair.back) if pair.back else values)
        if name.endswith("running_var"):
            state[name.removesuffix("running_var") + "num_batches_tracked"] = np.zeros((), np.int64)
    return state


def assign_state_dict(model: keras.Model, state: Mapping[str, NDArray[Any]]) -> None:
    """Give a Keras detector the weights of a torch state dict.

    Raises:
        UserError: a tensor is missing, is left over, or has another shape; the model is unchanged then.
    """
    pairs = pairs_of(model)
    wanted = {name: value for name, value in state.items() if not name.endswith("num_batches_tracked")}
    missing, extra = sorted(pairs.keys() - wanted.keys()), sorted(wanted.keys() - pairs.keys())
    if missing or extra:
        which = f"has no {missing[0]}" if missing else f"has {extra[0]}, which the Keras model has not"
        raise UserError(f"the weights belong to another configuration: the file {which}")
    for name, pair in pairs.items():
        value = np.asarray(wanted[name], np.float32)
        wanted[name] = value.transpose(pair.there) if pair.there and value.ndim == len(pair.there) else value
        if tuple(pair.variable.shape) != wanted[name].shape:
            shapes = f"{wanted[name].shape}, not {tuple(pair.variable.shape)}"
            raise UserError(f"the weights belong to another configuration: {name} is {shapes}")
    for name, pair in pairs.items():
        pair.variable.assign(wanted[name])

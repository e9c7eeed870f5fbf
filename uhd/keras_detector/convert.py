"""Weights from a torch state dict to Keras and back, to the bit; nothing may be missing or left over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from uhd.errors import UserError
from uhd.keras_detector.model import anchor_table

Array = NDArray[np.float32]
# Keras weight -> torch tensor, and how an array of the one becomes the other.
_BATCH_NORM = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}


def _same(array: Array) -> Array:
    return array


def _names(layer: keras.layers.Layer) -> dict[str, tuple[str, Callable[[Array], Array], Callable[[Array], Array]]]:
    """Return by Keras weight name: the torch tensor's name, the way to Keras, the way back."""
    if isinstance(layer, keras.layers.BatchNormalization):
        return {ours: (theirs, _same, _same) for ours, theirs in _BATCH_NORM.items()}
    if isinstance(layer, keras.layers.DepthwiseConv2D):  # (C, 1, k, k) <-> (k, k, C, 1)
        return {"kernel": ("weight", lambda a: a.transpose(2, 3, 0, 1), lambda a: a.transpose(2, 3, 0, 1))}
    if isinstance(layer, keras.layers.Conv2D):  # (O, I, k, k) <-> (k, k, I, O)
        turned = ("weight", lambda a: a.transpose(2, 3, 1, 0), lambda a: a.transpose(3, 2, 0, 1))
        return {"kernel": turned, "bias": ("bias", _same, _same)}
    return {"anchors": ("anchors", _same, _same), "wh_scale": ("wh_scale", _same, _same)}


def _pairs(model: keras.Model) -> dict[str, tuple[Any, Callable[[Array], Array], Callable[[Array], Array]]]:
    """Return by torch name: the Keras variable, the way to Keras, the way back."""
    found = {}
    for layer in model.layers:
        names = _names(layer) if layer.weights else {}
        for variable in layer.weights:
            theirs, there, back = names[variable.name]
            found[f"{layer.name.replace('__', '.')}.{theirs}"] = (variable, there, back)
    return found


def state_dict_of(model: keras.Model) -> dict[str, Array]:
    """Return the weights of a Keras detector under the torch network's names, in its shapes.

    Batch-norm's ``num_batches_tracked`` counts steps in torch only; it is 0.
    """
    state: dict[str, Array] = {}
    for name, (variable, _, back) in _pairs(model).items():
        state[name] = np.ascontiguousarray(back(np.asarray(keras.ops.convert_to_numpy(variable), np.float32)))
        if name.endswith("running_var"):
            state[name.removesuffix("running_var") + "num_batches_tracked"] = np.zeros((), np.int64)
    return state


def assign_state_dict(model: keras.Model, state: Mapping[str, NDArray[Any]]) -> None:
    """Give a Keras detector the weights of a torch state dict.

    Raises:
        UserError: a tensor is missing, is left over, or has another shape; the model is unchanged then.
    """
    anchor_table(model)
    pairs = _pairs(model)
    wanted = {name: value for name, value in state.items() if not name.endswith("num_batches_tracked")}
    missing, extra = sorted(pairs.keys() - wanted.keys()), sorted(wanted.keys() - pairs.keys())
    if missing or extra:
        which = f"has no {missing[0]}" if missing else f"has {extra[0]}, which the Keras model has not"
        raise UserError(f"the weights belong to another configuration: the file {which}")
    ready = {name: there(np.asarray(wanted[name], np.float32)) for name, (_, there, _) in pairs.items()}
    for name, (variable, _, _) in pairs.items():
        if tuple(variable.shape) != ready[name].shape:
            shapes = f"{ready[name].shape}, not {tuple(variable.shape)}"
            raise UserError(f"the weights belong to another configuration: {name} is {shapes}")
    for name, (variable, _, _) in pairs.items():
        variable.assign(ready[name])

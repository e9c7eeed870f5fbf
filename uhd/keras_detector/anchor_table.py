"""What the decode needs besides the raw map: anchors and their scale, which belong to a model and not to its graph.

A detector of Keras' own layers alone opens in any program, on any backend, without this package. So the table is
attached to the model (its variables are trained and saved with it) and computes nothing; files written before it was
part of the graph hold it as a layer that passes the raw map through.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from uhd.errors import UserError


@keras.saving.register_keras_serializable(package="uhd")
class AnchorTable(keras.layers.Layer):  # type: ignore[misc]
    """Holds what belongs to a raw map.

    Args:
        anchors: (A, 2) width and height, normalised.
        trainable_scale: whether ``wh_scale`` is trained (with the improved head).
        card: configuration and model card as plain values, so that the file says how it is fed and read.
        wh_scale: (A, 2) factor on the anchors, 1 by default.

    Attributes:
        anchors: (A, 2) float32, never trained.
        wh_scale: (A, 2) float32 factor on the anchors.
    """

    def __init__(
        self,
        anchors: Sequence[Sequence[float]],
        trainable_scale: bool = False,
        card: Mapping[str, Any] | None = None,
        wh_scale: Sequence[Sequence[float]] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        table = np.asarray(anchors, np.float32).reshape(-1, 2)
        self.trainable_scale, self.card = trainable_scale, dict(card or {})
        self.anchors = self.add_weight(
            name="anchors", shape=table.shape, dtype="float32", trainable=False,
            initializer="zeros",
        )  # fmt: skip
        self.anchors.assign(table)
        self.wh_scale = self.add_weight(
            name="wh_scale", shape=table.shape, dtype="float32", trainable=trainable_scale, initializer="ones"
        )
        if wh_scale is not None:
            self.wh_scale.assign(np.asarray(wh_scale, np.float32))
        self.built = True

    def call(self, raw: Any) -> Any:
        """Return the raw map as it is."""
        return raw

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the raw map."""
        return input_shape

    def values(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return anchors and scale (A, 2) as arrays."""
        return (
            np.asarray(keras.ops.convert_to_numpy(self.anchors), np.float32),
            np.asarray(keras.ops.convert_to_numpy(self.wh_scale), np.float32),
        )

    def told(self) -> dict[str, Any]:
        """Return what makes the table again, as plain values; float32 comes back to the bit."""
        anchors, scale = self.values()
        return {
            "anchors": anchors.astype(float).tolist(),
            "wh_scale": scale.astype(float).tolist(),
            "trainable_scale": self.trainable_scale,
            "card": self.card,
        }

    def get_config(self) -> dict[str, Any]:
        """Return what makes the layer again."""
        return {**super().get_config(), **self.told()}


def attach_table(model: keras.Model, table: AnchorTable) -> keras.Model:
    """Return the model, which trains and saves the table's variables from now on."""
    model.head = table
    if all(each is not table for each in model._layers):  # before 3.15 Keras counts the layers of the graph alone
        model._layers.append(table)
    return model


def anchor_table(model: keras.Model) -> AnchorTable:
    """Return what holds a detector's anchors.

    Raises:
        UserError: the model is none of these detectors.
    """
    for layer in (getattr(model, "head", None), *model.layers):
        if isinstance(layer, AnchorTable):
            return layer
    raise UserError(
        f"{model.name}: a Keras model without anchors, none of this package's detectors, or saved by model.save alone "
        "(uhd.keras_detector.files.save_keras_model keeps anchors and card)"
    )

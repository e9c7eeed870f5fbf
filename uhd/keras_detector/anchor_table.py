"""The layer that carries what the decode needs besides the raw map: anchors and their scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray


@keras.saving.register_keras_serializable(package="uhd")
class AnchorTable(keras.layers.Layer):  # type: ignore[misc]
    """Passes the raw map through and holds what belongs to it.

    Args:
        anchors: (A, 2) width and height, normalised.
        trainable_scale: whether ``wh_scale`` is trained (with the improved head).
        card: the model card as text values, so that the file says how it is fed and read.

    Attributes:
        anchors: (A, 2) float32, never trained.
        wh_scale: (A, 2) float32 factor on the anchors.
    """

    def __init__(
        self,
        anchors: Sequence[Sequence[float]],
        trainable_scale: bool = False,
        card: Mapping[str, Any] | None = None,
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

    def get_config(self) -> dict[str, Any]:
        """Return what makes the layer again."""
        anchors, _ = self.values()
        return {
            **super().get_config(),
            "anchors": anchors.astype(float).tolist(),
            "trainable_scale": self.trainable_scale,
            "card": self.card,
        }

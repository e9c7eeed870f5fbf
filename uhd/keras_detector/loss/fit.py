"""The loss as ``compile`` takes it: ``fit`` trains the detector on any backend of Keras."""

from __future__ import annotations

from typing import Any

import keras

from uhd.config import from_plain
from uhd.keras_detector.anchor_table import anchor_table
from uhd.keras_detector.loss.objectives import check_loss, detection_loss
from uhd.losses.config import LossConfig
from uhd.models.ultratinyod.config import UltraTinyODConfig
from uhd.models.ultratinyod.layout import layout_of


class DetectionLoss(keras.losses.Loss):  # type: ignore[misc]
    """``loss(targets (B, M, 5), raw map (B, h, w, A * no))``, a scalar in float32 whatever the model computes in.

    Args:
        model: the detector; its anchors and their scale take part.
        config: objective, assigner and weights.

    Raises:
        UserError: the model is no detector of this package, or the settings contradict each other.

    Example:
        >>> model.compile("adam", DetectionLoss(model, LossConfig()))  # doctest: +SKIP
        >>> model.fit(images, pack_targets(boxes, labels))  # doctest: +SKIP
    """

    def __init__(self, model: keras.Model, config: LossConfig) -> None:
        super().__init__(name="detection", reduction="sum", dtype="float32")
        check_loss(config)
        self.config, self._table = config, anchor_table(model)
        network = from_plain(UltraTinyODConfig, self._table.card["model_config"], "model")
        self._layout = layout_of(network, *self._table.values())

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of targets (B, M, 5) and raw map (B, h, w, A * no)."""
        table = self._table
        # Under a policy of mixed precision a variable would be read in half precision.
        anchors, scale = (
            keras.ops.convert_to_tensor(each, dtype="float32") for each in (table.anchors, table.wh_scale)
        )
        return detection_loss(y_pred, y_true, self.config, self._layout, anchors, scale)[0]

"""The Keras model as a torch network, so that the one trainer trains it: weights live in torch, Keras computes."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
from torch import Tensor, nn

from uhd.errors import UserError
from uhd.keras_detector.convert import pairs_of
from uhd.keras_detector.model import FEATURES, create_keras_model
from uhd.keras_detector.torch_layers import FUSED
from uhd.models.ultratinyod.config import UltraTinyODConfig
from uhd.models.ultratinyod.network import UltraTinyOD


class KerasNetwork(UltraTinyOD):
    """UltraTinyOD whose forward pass is the Keras model's, on Keras' torch backend.

    The parameters are those of the torch network, in its shapes and under its names, and are lent to the Keras layers
    for the time of a call. So optimisers, averages, checkpoints and resuming need to know nothing of Keras, files of
    either framework start the other, and both start from the same weights for a seed.

    Args:
        config: architecture.
        size: (height, width) of the images.

    Attributes:
        features: passes on the feature map (B, C, h, w); who watches it sees what the Keras backbone put out.

    Raises:
        UserError: an option that Keras does not have, or Keras runs on another backend than torch.
    """

    foldable = False

    def __init__(self, config: UltraTinyODConfig, size: tuple[int, int]) -> None:
        if keras.backend.backend() != "torch":
            backend = keras.backend.backend()
            raise UserError(f"--framework keras trains on Keras' torch backend, not {backend}: set KERAS_BACKEND=torch")
        super().__init__(config)
        self.features = nn.Identity()
        self._graph = _Graph(self.config, size)

    def forward(self, images: Tensor) -> Tensor:
        """Return the raw map (B, A * no, h, w) of images (B, C, H, W); batch-norm learns in training mode."""
        graph, own = self._graph, self._tensors()
        lent = [
            (pair.variable, own[name].permute(pair.there) if pair.there else own[name]) for name, pair in graph.pairs
        ]
        with keras.device(str(images.device)), keras.StatelessScope(lent):
            # Keras layers do not know of ``module.train()``: without being told so, batch-norm never learns.
            features, raw = graph(images.permute(0, 2, 3, 1), self.training)
        self.features(features.permute(0, 3, 1, 2))
        maps: Tensor = raw.permute(0, 3, 1, 2)
        return maps

    def _tensors(self) -> dict[str, Tensor]:
        return {**dict(self.named_parameters()), **dict(self.named_buffers())}


class _Graph:
    """The Keras layers of a network. It holds no weights that count, so copies of a network share it."""

    def __init__(self, config: UltraTinyODConfig, size: tuple[int, int]) -> None:
        model = create_keras_model(config, size, FUSED)
        self.model = keras.Model(model.inputs, [model.get_layer(FEATURES).output, *model.outputs])
        self.pairs = list(pairs_of(model).items())
        self._steps = _steps(self.model)

    def __call__(self, images: Tensor, training: bool) -> tuple[Tensor, Tensor]:
        """Return features and raw map, channels last."""
        if self._steps is None or tuple(images.shape[1:]) != tuple(self.model.inputs[0].shape[1:]):
            features, raw = self.model(images, training=training)
            return features, raw
        values = {id(self.model.inputs[0]): images}
        for step in self._steps:
            found = [values[each] for each in step.inputs]
            taken: Any = found if step.several else found[0]
            values[step.output] = step.call(taken, training=training) if step.trains else step.call(taken)
        features, raw = (values[id(each)] for each in self.model.outputs)
        return features, raw

    def __deepcopy__(self, memo: dict[int, Any]) -> _Graph:
        return self


class _Step(NamedTuple):
    """One layer: what it computes, from which tensors of the graph, into which."""

    call: Callable[..., Any]
    inputs: tuple[int, ...]
    several: bool
    output: int
    trains: bool


def _steps(model: keras.Model) -> list[_Step] | None:
    """Return the layers of a model in the order of computation, to be called without what Keras does around each.

    That is checks, name scopes and casts, which cost more time than the arithmetic of so small a network. None for a
    graph with operations that are no layers.
    """
    steps = []
    for layer in model.operations:
        if isinstance(layer, keras.layers.InputLayer):
            continue
        if not isinstance(layer, keras.Layer):
            return None
        several = isinstance(layer.input, list)
        inputs = tuple(id(each) for each in (layer.input if several else [layer.input]))
        trains = "training" in inspect.signature(layer.call).parameters
        steps.append(_Step(layer.call, inputs, several, id(layer.output), trains))
    return steps

"""A graph of esp-ppq, run on batches as the chip would compute it; what is simulated, :mod:`.simulator` says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from uhd.export.espdl.toolchain import chatter_to

Array = NDArray[np.float32]


# All go through a graph at once, in its widest layer: as many as 64 of 64x64.
_PIXELS = 64 * 64 * 64
_LEAST = 8


def few(images: Array) -> Array:
    """Return images spread over these (n, C, h, w): at most as many as 64 of 64x64 pixels, but at least 8."""
    most = max(_LEAST, _PIXELS // (images.shape[2] * images.shape[3]))
    return images[:: -(-len(images) // most)]


class Simulation:
    """A graph of esp-ppq, quantised or not, that takes batches.

    Args:
        graph: of esp-ppq; not changed.

    Attributes:
        one_by_one: whether images run one at a time, because the graph has a reshape.
    """

    def __init__(self, graph: Any) -> None:
        with chatter_to(None):
            from esp_ppq.executor import TorchExecutor

            self.executor = TorchExecutor(graph=graph, device="cpu")
        self.outputs: list[str] = list(graph.outputs)
        operations = graph.operations.values()
        self._resizes = [op.inputs[3] for op in operations if op.type == "Resize" and len(op.inputs) > 3]
        # A reshape names the batch among its sizes; what the sizes mean is not guessed.
        self.one_by_one = any(op.type == "Reshape" for op in operations)

    def run(self, batch: Array, most: int = 64) -> dict[str, Array]:
        """Return the outputs for images (n, C, h, w), by name."""
        parts = []
        with torch.no_grad(), chatter_to(None):
            for start in range(0, len(batch), most):
                images = torch.from_numpy(np.ascontiguousarray(batch[start : start + most]))
                parts.append({name: value.numpy() for name, value in self.forward(images).items()})
        return {name: np.concatenate([part[name] for part in parts]) for name in self.outputs}

    def forward(self, images: torch.Tensor, hooks: Mapping[str, Any] | None = None) -> dict[str, torch.Tensor]:
        """Return the outputs for images (B, C, h, w), by name, with the gradient of every weight that has one.

        Args:
            images: all in one run, but where a reshape names the batch.
            hooks: esp-ppq's, by node.
        """
        if self.one_by_one and len(images) > 1:
            parts = [self.forward(images[i : i + 1], hooks) for i in range(len(images))]
            return {name: torch.cat([part[name] for part in parts]) for name in self.outputs}
        for sizes in self._resizes:
            sizes.value[0] = len(images)
        try:
            found = self.executor.forward_with_gradient(images, hooks=hooks)
        finally:
            for sizes in self._resizes:
                sizes.value[0] = 1
        return dict(zip(self.outputs, found, strict=True))

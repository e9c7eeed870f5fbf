"""A quantised graph of esp-ppq as a torch module: its weights are parameters, its scales those of calibration."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from uhd.export.espdl.simulation import Simulation

Array = NDArray[np.float32]
_TRAINED = ("Conv", "Gemm", "ConvTranspose")


class QuantisedGraph(nn.Module):
    """Map images (B, C, h, w) to the outputs of the graph by name, rounded as the chip rounds.

    The graph is a program, which copies of this module share; the weights are each copy's own and are put into the
    graph when it runs. esp-ppq's quantiser passes gradients straight through, except where a value is clipped.

    Args:
        graph: of esp-ppq, quantised, on the CPU.
    """

    def __init__(self, graph: Any) -> None:
        super().__init__()
        self.graph, self.simulation = graph, Simulation(graph)
        variables = [variable for op in graph.operations.values() if op.type in _TRAINED for variable in op.parameters]
        self._places = {
            variable.name.replace(".", "/"): variable  # a dot separates modules
            for variable in variables
            if isinstance(variable.value, Tensor) and variable.value.is_floating_point()
        }
        weights = {name: nn.Parameter(variable.value.detach().clone()) for name, variable in self._places.items()}
        self.weights = nn.ParameterDict(weights)

    def __deepcopy__(self, memo: dict[int, Any]) -> QuantisedGraph:
        """Return a copy with weights of its own."""
        twin = QuantisedGraph.__new__(QuantisedGraph)
        nn.Module.__init__(twin)
        twin.graph, twin.simulation, twin._places = self.graph, self.simulation, self._places
        twin.weights = copy.deepcopy(self.weights, memo)
        return twin

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Return the outputs for images (B, C, h, w), by name, with gradient."""
        with self._in_the_graph(detached=False):
            return self.simulation.forward(images)

    def run(self, batch: Array) -> dict[str, Array]:
        """Return the outputs for images (n, C, h, w), by name, as NumPy arrays."""
        with self.filled():
            return self.simulation.run(batch)

    @contextmanager
    def filled(self) -> Iterator[Any]:
        """Yield the graph with these weights and without gradients, for esp-ppq to copy and write."""
        with self._in_the_graph(detached=True):
            yield self.graph

    @contextmanager
    def _in_the_graph(self, detached: bool) -> Iterator[None]:
        for name, variable in self._places.items():
            variable.value = self.weights[name].detach() if detached else self.weights[name]
        try:
            yield
        finally:
            for name, variable in self._places.items():
                variable.value = self.weights[name].detach()

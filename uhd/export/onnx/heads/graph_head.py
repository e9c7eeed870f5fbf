"""What a head needs to be written as a graph; a head is read like its own raw maps where it says nothing else."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from uhd.export.onnx.candidates import Axes, Candidates
from uhd.export.onnx.form import ExportForm
from uhd.export.onnx.graphs import Maps
from uhd.models.network import DetectorNetwork

Finish = Callable[[Maps], tuple[Tensor, ...]]


class GraphHead(ABC):
    """The in-graph face of a kind of head.

    Attributes:
        boxes: formula of the boxes, for people, where it is the same for every network.
        images_axis: axis of the raw outputs that counts images.
        any_size: whether the network runs at sizes other than the one it was written at.
        on_grid: whether every raw map is one of cells: C and small chips have operators for nothing else.
    """

    boxes: ClassVar[str] = ""
    images_axis: ClassVar[int] = 0
    any_size: ClassVar[bool] = True
    on_grid: ClassVar[bool] = True

    @abstractmethod
    def candidates(self, network: DetectorNetwork, maps: Maps, axes: Axes) -> Candidates:
        """Decode maps as :mod:`uhd.heads` does, with operators that every runtime has."""

    @abstractmethod
    def score(self, network: DetectorNetwork) -> str:
        """Return how the score follows from the raw outputs, for people."""

    def box_rule(self, network: DetectorNetwork) -> str:
        """Return the formula of the boxes, for people."""
        del network
        return self.boxes

    def outputs(self, network: DetectorNetwork, form: ExportForm) -> tuple[tuple[str, ...], Finish]:
        """Return the names of the outputs of the forms raw and parts, and what computes them."""
        del form
        return network.output_names, lambda maps: tuple(maps[name] for name in network.output_names)

    def primitive(self, network: DetectorNetwork) -> tuple[str, ...]:
        """Return the names of the outputs of the primitive form."""
        del network
        # There is no score but that of the classes, and an output that is always 1 would be folded away.
        return ("cx", "cy", "bw", "bh", "cls_scores")

    def constants(self, network: DetectorNetwork) -> dict[str, NDArray[np.float32]]:
        """Return what the forms raw and parts hold besides their maps, by name: of anchor heads two tables (A, 2)."""
        del network
        return {}

    def most_rows(self, network: DetectorNetwork, topk: int) -> int:
        """Return the rows asked for, or fewer where the network itself keeps fewer."""
        del network
        return topk

    def raw_metadata(self, outputs: tuple[str, ...]) -> dict[str, str]:
        """Return what the raw form says of its outputs."""
        del outputs
        return {}

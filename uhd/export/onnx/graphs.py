"""The network as it is exported: its layers under their own names, its outputs as named maps."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from uhd.models.network import DetectorNetwork, maps_of
from uhd.models.ultratinyod.head import Head
from uhd.models.ultratinyod.network import UltraTinyOD

Maps = dict[str, Tensor]


class NetworkGraph(nn.Module):
    """Images (B, C, H, W) to the outputs of ``finish``, by the maps of the network.

    The network's layers stand directly in this module, those of UltraTinyOD's head too, so node names carry neither
    ``/model`` nor ``/head`` and match the patterns that quantisation recipes use
    (``/box_tower/box_tower.0/dw/conv/Conv``). Layers are shared with the network, not copied.

    Args:
        network: in evaluation mode.
        finish: turns the named maps into the outputs.
    """

    def __init__(self, network: DetectorNetwork, finish: Callable[[Maps], tuple[Tensor, ...]]) -> None:
        super().__init__()
        # A tuple is not searched for modules: neither the network nor its head adds to the names.
        self.hidden = (network,)
        self.finish = finish
        self._adopt(network)
        if isinstance(network, UltraTinyOD):
            self._adopt(network.head)
            del self._modules["head"]
        self.eval()

    def _adopt(self, module: nn.Module) -> None:
        self._modules.update(module._modules)
        self._parameters.update(module._parameters)
        self._buffers.update(module._buffers)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return the outputs for images (B, C, H, W)."""
        return self.finish(self._maps(images))

    def _maps(self, images: Tensor) -> Maps:
        network = self.hidden[0]
        if isinstance(network, UltraTinyOD):
            # The branches as they leave the head: what no output needs falls out of the graph.
            return Head.forward(network.head, network.backbone(images))
        found = maps_of(type(network).forward(network, images))
        return dict(zip(network.output_names, found, strict=True))

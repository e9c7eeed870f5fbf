"""What every detector network offers, whatever its architecture: raw maps, their meaning, its configuration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from uhd.errors import UserError
from uhd.heads import HeadLayout, Layout

Array = NDArray[np.float32]
Kind = str  # a key of uhd.heads.HEADS
Raw = Tensor | tuple[Tensor, ...]


class DetectorNetwork(nn.Module):
    """Maps images (B, in_channels, H, W) in [0, 1] to raw maps.

    Attributes:
        arch: name of the architecture in flags, checkpoints and model files.
        tag: short name in the names of checkpoint files.
        kind: how the raw maps are read and which objective trains them.
        output_names: of the raw maps, in order.
        config: frozen dataclass of knobs; with the state dict it is the whole model.
        quantisation: settings of its fake quantisation, or None; see :mod:`uhd.models.modify`.
        foldable: whether its forward pass goes through its modules, so that :mod:`uhd.models.folding` may change them.
        widths: channels of the layers that pruning has made narrower, or None; see :mod:`uhd.compress.widths`.
    """

    arch: ClassVar[str]
    tag: ClassVar[str]
    kind: Kind
    output_names: tuple[str, ...]
    config: Any
    quantisation: Any = None
    foldable: ClassVar[bool] = True
    widths: dict[str, tuple[int, ...]] | None = None

    @property
    def stride(self) -> int:
        """Pixels that height and width of the input must be a multiple of."""
        return int(self.config.stride)

    def answers(self) -> list[nn.Module]:
        """Return the layers whose rows are independent answers, and embeddings: no optimiser may mix their rows."""
        raise NotImplementedError

    def scales(self) -> list[nn.Parameter]:
        """Return the parameters that are matrices by shape and factors by meaning: they are not decayed."""
        return []

    def predictions(
        self, raw: tuple[NDArray[np.float32], ...]
    ) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
        """Decode raw maps.

        Args:
            raw: the outputs named by :attr:`output_names`, as NumPy arrays.

        Returns:
            per image: boxes (N, 4) ``xyxy`` normalised and scores (N, num_classes).
        """
        return self.layout().predictions(raw)

    def layout(self) -> Layout:
        """Return how the raw maps are read, in NumPy."""
        raise NotImplementedError

    @property
    def repeats(self) -> bool:
        """Whether one person is found several times, so that duplicates have to be suppressed."""
        return True

    def token_maps(self, size: tuple[int, int]) -> list[tuple[int, int]]:
        """Return the (h, w) of the maps whose cells are the tokens of a sequence, in order, for images of a size."""
        del size
        return []


class AnchorNetwork(DetectorNetwork):
    """A network with one raw map (B, A * no, h, w), read with anchors; see :class:`uhd.heads.HeadLayout`."""

    kind = "anchor"
    output_names: tuple[str, ...] = ("raw",)

    @property
    def anchors(self) -> Tensor:
        """Width and height of the anchors (A, 2), normalised."""
        raise NotImplementedError

    @property
    def wh_scale(self) -> Tensor | None:
        """Factor on the anchors (A, 2), or None for ones."""
        return None

    def layout(self) -> HeadLayout:
        """Return what :func:`uhd.heads.decode` needs to read the raw map, as NumPy arrays."""
        raise NotImplementedError

    def set_anchors(self, anchors: Sequence[tuple[float, float]] | NDArray[np.float32]) -> None:
        """Replace the anchors (A, 2), normalised, in place; as many as there were."""
        raise NotImplementedError


def maps_of(raw: Raw) -> tuple[Tensor, ...]:
    """Return the raw maps as a tuple, also of a network with a single one."""
    return raw if isinstance(raw, tuple) else (raw,)


def check_size(size: tuple[int, int], stride: int) -> None:
    """Raise UserError unless height and width are divisible by the stride."""
    if size[0] % stride or size[1] % stride:
        raise UserError(f"--img-size {size[0]}x{size[1]}: both must be multiples of the output stride {stride}")

"""cnn: a plain trunk or a backbone with CenterNet heads or an anchor head (PINTO0309/UHD)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uhd.lazy import lazy_names

if TYPE_CHECKING:
    from uhd.models.cnn.config import CNNConfig as CNNConfig
    from uhd.models.cnn.network import AnchorCNN as AnchorCNN
    from uhd.models.cnn.network import CenterNetCNN as CenterNetCNN
    from uhd.models.cnn.network import build_cnn as build_cnn

__getattr__ = lazy_names(
    __name__,
    {
        "AnchorCNN": "uhd.models.cnn.network",
        "CenterNetCNN": "uhd.models.cnn.network",
        "build_cnn": "uhd.models.cnn.network",
        "CNNConfig": "uhd.models.cnn.config",
    },
)

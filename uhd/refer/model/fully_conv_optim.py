"""The transformer ``fully_conv_optim``: convolutions over the maps, then nodes that look where they are.

Of its original in HuMAR it has the inverted bottlenecks with squeeze and excite, the pooled coarsest map and the
light mixing of 18 nodes. There the decoder saw one mean of the whole picture; here every node reads the maps at its
own place. Everybody is found before anyone is asked for, so that many prompts share the work on one picture.
"""

from __future__ import annotations

from uhd.refer.model.config import ReferModelConfig
from uhd.refer.model.decoder import DecoderLayer
from uhd.refer.model.pyramid import Pyramid
from uhd.refer.model.transformer import Transformer


class FullyConvOptim(Transformer):
    """The light one; see the file."""

    def __init__(self, config: ReferModelConfig, channels: tuple[int, ...]) -> None:
        width = config.hidden_dim
        seen = config.mask_channels + 2 * width
        encoder = Pyramid(channels[1:], width, config.enc_layers)
        super().__init__(config, channels, encoder, lambda: DecoderLayer(width, seen), 2)

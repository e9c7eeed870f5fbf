"""Every backbone by its name, at its published size."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import nn

from uhd.refer.model.backbones.efficientformer_v2 import EfficientFormerV2
from uhd.refer.model.backbones.efficientnet_lite import EfficientNetLite
from uhd.refer.model.backbones.mobilevit import MobileViT
from uhd.refer.model.backbones.poolformer import PoolFormer
from uhd.refer.model.backbones.segformer import SegFormer
from uhd.refer.model.backbones.swin import Swin

_MIT_1 = (64, 128, 320, 512)
_S0 = ((4, 4), (4, 4), (4, 3, 3, 3, 4, 4), (4, 3, 3, 4))
_S1 = ((4,) * 3, (4,) * 3, (4, 4, 3, 3, 3, 3, 4, 4, 4), (4, 4, 3, 3, 4, 4))
_S2 = ((4,) * 4, (4,) * 4, (4, 4, 3, 3, 3, 3, 3, 3, 4, 4, 4, 4), (4, 4, 3, 3, 3, 3, 4, 4))

PUBLISHED: Mapping[str, Callable[[], nn.Module]] = {
    "segformer_b0": lambda: SegFormer((32, 64, 160, 256)),
    "segformer_b1": lambda: SegFormer(_MIT_1),
    "mobilevit_xxs": lambda: MobileViT((16, 16, 24, 48, 64, 80), (64, 80, 96), 2, 320),
    "mobilevit_xs": lambda: MobileViT((16, 32, 48, 64, 80, 96), (96, 120, 144), 4, 384),
    "mobilevit_s": lambda: MobileViT((16, 32, 64, 96, 128, 160), (144, 192, 240), 4, 640),
    "efficientformerv2_s0": lambda: EfficientFormerV2((32, 48, 96, 176), _S0, 2),
    "efficientformerv2_s1": lambda: EfficientFormerV2((32, 48, 120, 224), _S1, 2),
    "efficientformerv2_s2": lambda: EfficientFormerV2((32, 64, 144, 288), _S2, 4),
    "poolformer_s12": lambda: PoolFormer(_MIT_1, (2, 2, 6, 2)),
    "poolformer_s24": lambda: PoolFormer(_MIT_1, (4, 4, 12, 4)),
    "poolformer_s36": lambda: PoolFormer(_MIT_1, (6, 6, 18, 6)),
    "swin_T_224_1k": lambda: Swin(96, (2, 2, 6, 2), (3, 6, 12, 24)),
    "efficientnet_lite0": EfficientNetLite,
}

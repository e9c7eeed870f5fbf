"""UltraTinyOD without anchors: every cell says how far the sides of its box are, and how sure it is of each class.

``one_to_one`` is taught twice: by a branch that many cells learn a person from, which is left out of the finished
network, and by the one that is kept, of which one cell per person learns, so that it finds everybody once (Wang et al.,
"YOLOv10: Real-Time End-to-End Object Detection", 2024, https://arxiv.org/abs/2405.14458).
"""

from __future__ import annotations

import dataclasses
import math

from torch import Tensor, nn

from uhd.errors import UserError
from uhd.heads import LtrbLayout
from uhd.models.layers import Blocks
from uhd.models.network import DetectorNetwork, check_size
from uhd.models.ultratinyod.backbone import build_backbone
from uhd.models.ultratinyod.config import UltraTinyODConfig
from uhd.models.ultratinyod.features import HeadFeatures

_OBJECT_PRIOR = 0.01
_CELLS = 1.5  # from the centre to a side, to begin with


class Branch(nn.Module):
    """Features (B, C, h, w) to distances (B, 4 * (reg_max + 1), h, w) and class logits (B, classes, h, w)."""

    def __init__(self, config: UltraTinyODConfig, blocks: Blocks, c: int) -> None:
        super().__init__()
        middle = max(8, min(c, round(config.cls_bottleneck_ratio * c)))
        self.box_tower = nn.Sequential(blocks.dw(c, c), blocks.dw(c, c))
        self.ltrb_out = nn.Conv2d(c, 4 * (config.reg_max + 1), 1)
        self.cls_tower = nn.Sequential(blocks.cba(c, middle), blocks.dw(middle, middle), blocks.dw(middle, middle))
        self.cls_out = nn.Conv2d(middle, config.num_classes, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return distances and class logits."""
        return self.ltrb_out(self.box_tower(x)), self.cls_out(self.cls_tower(x))


class LtrbHead(HeadFeatures):
    """Feature map (B, C, h, w) to the maps of :class:`Branch`, while training those of the second branch behind."""

    def __init__(self, config: UltraTinyODConfig, blocks: Blocks) -> None:
        super().__init__()
        c = 4 * config.cnn_width
        self.variant = config.utod_quant_arch
        self.build_context(config, blocks, c)
        self.build_large_objects(config, blocks, c)
        self.branch = Branch(config, blocks, c)
        self.many = Branch(config, blocks, c) if config.head == "one_to_one" else None

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return the maps."""
        x = self.features(x)
        found: tuple[Tensor, ...] = self.branch(x)
        return (*found, *self.many(x)) if self.many is not None and self.training else found


class LtrbUltraTinyOD(DetectorNetwork):
    """Map images (B, in_channels, H, W) in [0, 1] to ``ltrb`` and ``cls``, see :class:`uhd.heads.LtrbLayout`.

    Raises:
        UserError: an option that this head does not have.
    """

    arch, tag, kind = "ultratinyod", "utod", "ltrb"
    output_names: tuple[str, ...] = ("ltrb", "cls")

    def __init__(self, config: UltraTinyODConfig) -> None:
        super().__init__()
        refuse_options(config)
        self.config = dataclasses.replace(config, anchors=())
        blocks = Blocks(config.activation, config.use_batchnorm, config.utod_conv)
        self.backbone = build_backbone(self.config, blocks)
        self.head = LtrbHead(self.config, blocks)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        for branch in self._branches():
            assert branch.cls_out.bias is not None
            assert branch.ltrb_out.bias is not None
            nn.init.constant_(branch.cls_out.bias, math.log(_OBJECT_PRIOR / (1 - _OBJECT_PRIOR)))
            # Answers of the fresh network lie around a distance that finds people, not anywhere.
            nn.init.normal_(branch.ltrb_out.weight, std=0.01)
            if not config.reg_max:
                nn.init.constant_(branch.ltrb_out.bias, math.log(math.expm1(_CELLS)))

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return distances (B, 4 * (reg_max + 1), h, w), class logits (B, C, h, w); in training the second's too."""
        check_size((int(images.shape[-2]), int(images.shape[-1])), self.config.stride)
        found: tuple[Tensor, ...] = self.head(self.backbone(images))
        return found

    def answers(self) -> list[nn.Module]:
        """Return the last layers of all branches."""
        return [layer for branch in self._branches() for layer in (branch.ltrb_out, branch.cls_out)]

    def layout(self) -> LtrbLayout:
        """Return how the raw maps are read, in NumPy."""
        return LtrbLayout(self.config.reg_max, self.config.head == "one_to_one")

    @property
    def repeats(self) -> bool:
        """Whether one person is found several times."""
        return not self.layout().one_to_one

    def _branches(self) -> list[Branch]:
        return [each for each in (self.head.branch, self.head.many) if each is not None]


def refuse_options(config: UltraTinyODConfig) -> None:
    """Raise UserError for options of the anchor head."""
    if config.multi_label_mode != "none" or config.num_attributes:
        raise UserError(f"--head {config.head}: --multi-label-mode needs anchors: --head anchor")
    if config.disable_cls:
        raise UserError(f"--head {config.head}: has no score but that of the classes; leave out --disable-cls")
    if config.utod_quant_arch not in (0, 5, 10):
        raise UserError(f"--head {config.head}: --utod-quant-arch {config.utod_quant_arch} is of the anchor head")

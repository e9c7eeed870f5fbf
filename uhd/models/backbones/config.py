"""Which optional backbone a cnn has, and its options, named as the original's flags."""

from __future__ import annotations

from dataclasses import dataclass

from uhd.config import knob
from uhd.errors import UserError

_GROUP = "cnn backbone"
BACKBONES = ("microcspnet", "ultratinyresnet", "enhanced-shufflenet")
ATTENTION = ("none", "se", "ese")
DEFAULT_CHANNELS, DEFAULT_BLOCKS = (16, 24, 32, 48), (1, 1, 2, 1)


@dataclass(frozen=True)
class BackboneConfig:
    """Optional backbone; ``--backbone-skip-cat`` and its kin switch the long skips on by themselves."""

    backbone: str | None = knob(
        None, "backbone instead of the plain trunk", group=_GROUP, choices=(*BACKBONES, "none", None)
    )
    backbone_channels: tuple[int, ...] | None = knob(
        None, "channels of each stage of ultratinyresnet (default: 16,24,32,48)", group=_GROUP, minimum=1
    )
    backbone_blocks: tuple[int, ...] | None = knob(
        None, "residual blocks of each stage of ultratinyresnet (default: 1,1,2,1)", group=_GROUP, minimum=0
    )
    backbone_se: str = knob("none", "channel attention behind the backbone", group=_GROUP, choices=ATTENTION)
    backbone_skip: bool = knob(False, "long skips from early stages, added to the output", group=_GROUP)
    backbone_skip_cat: bool = knob(False, "long skips of ultratinyresnet, pooled and concatenated", group=_GROUP)
    backbone_skip_shuffle_cat: bool = knob(
        False, "long skips of ultratinyresnet, strided convolutions with shuffled channels, concatenated", group=_GROUP
    )
    backbone_skip_s2d_cat: bool = knob(
        False, "long skips of ultratinyresnet, space to depth, concatenated", group=_GROUP
    )
    backbone_fpn: bool = knob(False, "feature pyramid over the stages of ultratinyresnet", group=_GROUP)
    backbone_out_stride: int | None = knob(
        None, "pixels per cell behind ultratinyresnet (default follows its stages)", group=_GROUP, minimum=1
    )

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels of the stages of ultratinyresnet."""
        return self.backbone_channels or DEFAULT_CHANNELS

    @property
    def blocks(self) -> tuple[int, ...]:
        """Residual blocks of the stages of ultratinyresnet."""
        return self.backbone_blocks or DEFAULT_BLOCKS

    @property
    def skip(self) -> str | None:
        """Kind of the long skips: ``add``, ``cat``, ``shuffle_cat``, ``s2d_cat`` or None."""
        kinds = self._concatenating()
        return kinds[0] if kinds else "add" if self.backbone_skip else None

    @property
    def backbone_stride(self) -> int:
        """Pixels per cell behind the backbone."""
        own = 2 ** (len(self.channels) - 1) if self.backbone == "ultratinyresnet" else 8
        return self.backbone_out_stride or own

    def check_backbone(self) -> None:
        """Raise UserError when options contradict each other."""
        flags = {name: f"--{name.replace('_', '-')}" for name in self.__dataclass_fields__}
        given = {name for name in flags if name.startswith("backbone_") and getattr(self, name) not in (None, False)}
        given -= {"backbone_se"} if self.backbone_se == "none" else set()
        name = self.backbone or "none"
        takes = {"microcspnet": {"backbone_se"}, "enhanced-shufflenet": {"backbone_se", "backbone_skip"}}
        foreign = given - (given if name == "ultratinyresnet" else takes.get(name, set()))
        if self.backbone_out_stride == 8 and name != "none":
            foreign -= {"backbone_out_stride"}
        if foreign:
            wanted = "a backbone" if "backbone_se" in foreign else "--backbone ultratinyresnet"
            raise UserError(f"{flags[min(foreign)]} needs {wanted}, not --backbone {name}")
        several = sorted(flags[f"backbone_skip_{kind}"] for kind in self._concatenating())
        if len(several) > 1:
            raise UserError(f"{several[0]} and {several[1]} exclude each other")
        if name == "ultratinyresnet":
            self._check_stages()

    def _concatenating(self) -> list[str]:
        asked = {
            "cat": self.backbone_skip_cat,
            "shuffle_cat": self.backbone_skip_shuffle_cat,
            "s2d_cat": self.backbone_skip_s2d_cat,
        }
        return [kind for kind, on in asked.items() if on]

    def _check_stages(self) -> None:
        if len(self.channels) != len(self.blocks):
            raise UserError(
                f"--backbone-channels has {len(self.channels)} stages and --backbone-blocks {len(self.blocks)}: "
                "give both the same number"
            )
        own, out = 2 ** (len(self.channels) - 1), self.backbone_stride
        if out < own or out & (out - 1):
            raise UserError(
                f"--backbone-out-stride {out} must be a power of two of at least {own}, "
                f"the stride of the {len(self.channels)} stages of --backbone-channels"
            )
        if self.skip == "shuffle_cat" and self.channels[-1] % 2:
            raise UserError(
                f"--backbone-skip-shuffle-cat needs an even last width in --backbone-channels, not {self.channels[-1]}"
            )

"""How much of a network is pruned away, and how what goes is chosen."""

from __future__ import annotations

from dataclasses import dataclass

from uhd.config import knob
from uhd.errors import UserError

_GROUP = "pruning"


@dataclass(frozen=True)
class PruneConfig:
    """Pruning of a trained network. Whole channels go, down to one of two targets; ``magnitude`` is another matter."""

    macs: float | None = knob(
        None, "multiply-adds to keep: a share of the model's (0.5), or a number (14e6)", group=_GROUP, minimum=0,
        exclusive_minimum=True,
    )  # fmt: skip
    milliseconds: float | None = knob(
        None, "time of the network to reach, as ONNX on one thread of this machine", group=_GROUP, minimum=0,
        exclusive_minimum=True,
    )  # fmt: skip
    round_to: int = knob(8, "channels of every layer are a multiple of this", group=_GROUP, choices=(8, 16))
    importance: str = knob(
        "gradient", "which channels go: those whose loss matters least to the labels (gradient), or with the smallest "
        "weights (magnitude)", group=_GROUP, choices=("gradient", "magnitude"),
    )  # fmt: skip
    prune_images: int = knob(512, "training images that tell the gradients", group=_GROUP, minimum=1)
    least_share: float = knob(
        0.25, "share of its channels that every layer keeps", group=_GROUP, minimum=0, maximum=1, exclusive_minimum=True
    )
    magnitude: float | None = knob(
        None, "set this share of the weights to 0 instead, the smallest; no target here computes less for it",
        group=_GROUP, minimum=0, maximum=0.99, exclusive_minimum=True,
    )  # fmt: skip

    @property
    def on(self) -> bool:
        """Whether anything is pruned."""
        return any(each is not None for each in (self.macs, self.milliseconds, self.magnitude))

    def check(self) -> None:
        """Raise UserError unless there is exactly one target."""
        if sum(each is not None for each in (self.macs, self.milliseconds, self.magnitude)) != 1:
            raise UserError("uhd prune needs one target: --macs 0.5, --milliseconds 0.2, or --magnitude 0.5")
        if self.macs is not None and 1 <= self.macs < 1000:
            raise UserError(f"--macs {self.macs:g}: give a share below 1 (0.5), or a number of multiply-adds (14e6)")

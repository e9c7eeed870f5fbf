"""Which parts of a network are trained with how many bits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from uhd.compress.grid import GRIDS, Grid
from uhd.config import from_plain, knob
from uhd.errors import UserError
from uhd.migrations import settings_of

TARGETS = ("backbone", "head", "both", "none")
_GROUP = "Quantisation"
_PARTS = {"backbone": ("backbone",), "head": ("head",), "both": ("backbone", "head"), "none": ()}


@dataclass(frozen=True)
class Bits:
    """Bits of the weights and of the activations of one part; below 2 is off."""

    weights: int = 0
    activations: int = 0

    @property
    def on(self) -> bool:
        """Whether anything is quantised."""
        return self.weights > 1 or self.activations > 1


@dataclass(frozen=True)
class QuantiseConfig:
    """Fake quantisation in training: numbers are rounded to a grid of few bits, gradients ignore the rounding.

    There are two sets of bits, low and high, for two parts of the network, which must not overlap. ``--w-bits``,
    ``--a-bits`` and ``--quant-target`` describe the low set where the ``--lowbit-`` flags do not.
    """

    w_bits: int = knob(0, "bits of the weights; below 2 is off", group=_GROUP, minimum=0, maximum=16)
    a_bits: int = knob(0, "bits of the activations; below 2 is off", group=_GROUP, minimum=0, maximum=16)
    quant_target: str = knob("both", "where", group=_GROUP, choices=TARGETS)
    lowbit_quant_target: str | None = knob(
        None, "where the low bits are (default: --quant-target)", group=_GROUP, choices=TARGETS
    )
    lowbit_w_bits: int | None = knob(
        None, "low bits of the weights (default: --w-bits)", group=_GROUP, minimum=0, maximum=16
    )
    lowbit_a_bits: int | None = knob(
        None, "low bits of the activations (default: --a-bits)", group=_GROUP, minimum=0, maximum=16
    )
    highbit_quant_target: str = knob("none", "where the high bits are", group=_GROUP, choices=TARGETS)
    highbit_w_bits: int = knob(8, "high bits of the weights", group=_GROUP, minimum=0, maximum=16)
    highbit_a_bits: int = knob(8, "high bits of the activations", group=_GROUP, minimum=0, maximum=16)
    qat: bool = knob(
        False, "quantisation-aware training: 8 bits where none are given, activation ranges observed", group=_GROUP
    )
    qat_backend: str = knob(
        "fbgemm",
        "grids of --qat: fbgemm (weights per channel, activations half the levels), qnnpack (per tensor, all levels); "
        "from a trained model, batch-norm folded: onnx (int8 ONNX), esp32s3, esp32p4 (powers of two)",
        group=_GROUP,
        choices=tuple(GRIDS),
    )
    qat_fuse: bool = knob(
        False, "", ineffective="--qat always rounds behind batch-norm and activation, as a fused layer", group=_GROUP
    )
    qat_disable_observer_epoch: int = knob(
        2, "epochs in which --qat observes ranges; they are kept from then on", group=_GROUP, minimum=1
    )
    qat_freeze_bn_epoch: int = knob(3, "epochs in which --qat lets batch-norm statistics move", group=_GROUP, minimum=0)

    def parts(self) -> dict[str, Bits]:
        """Return the bits of each quantised part, ``backbone`` and ``head``.

        Raises:
            UserError: a part is in the low and in the high set.
        """
        low = Bits(
            self.w_bits if self.lowbit_w_bits is None else self.lowbit_w_bits,
            self.a_bits if self.lowbit_a_bits is None else self.lowbit_a_bits,
        )
        high = Bits(self.highbit_w_bits, self.highbit_a_bits)
        low_parts = _PARTS[self.lowbit_quant_target or self.quant_target] if low.on else ()
        high_parts = _PARTS[self.highbit_quant_target] if high.on else ()
        both = sorted(set(low_parts) & set(high_parts))
        if both:
            raise UserError(
                f"the {both[0]} is to have low bits and high bits: set --lowbit-quant-target (or --quant-target) and "
                "--highbit-quant-target to different parts"
            )
        found = dict.fromkeys(low_parts, low) | dict.fromkeys(high_parts, high)
        if self.qat and not found:
            return {part: Bits(8, 8) for part in _PARTS["both"]}
        return found

    @property
    def on(self) -> bool:
        """Whether anything is quantised."""
        return bool(self.parts())

    @property
    def grid(self) -> Grid | None:
        """The grid of ``--qat``; None without it."""
        return GRIDS[self.qat_backend] if self.qat else None

    @property
    def folds(self) -> bool:
        """Whether batch-norm is folded, as it is deployed: only a trained model has statistics for it."""
        return self.grid is not None and self.grid.folded

    def __str__(self) -> str:
        texts = [
            f"{name}: weights {_bits(b.weights)}, activations {_bits(b.activations)}"
            for name, b in self.parts().items()
        ]
        return "; ".join(texts) + (f"; observed ranges ({self.qat_backend})" if self.qat else "")


def quantisation_of(meta: Mapping[str, Any], where: str) -> QuantiseConfig:
    """Return the settings that a checkpoint was trained with: ours, or the original's keys; off where it has neither.

    Raises:
        UserError: a value does not fit.
    """
    if isinstance(meta.get("quantise_config"), Mapping):
        table = settings_of(QuantiseConfig, meta, "quantise_config", where)
    else:
        names = [name for name in QuantiseConfig.__dataclass_fields__ if "bits" in name or "target" in name]
        table = {name: meta[name] for name in names if meta.get(name) is not None}
    return from_plain(QuantiseConfig, table, where)


def _bits(bits: int) -> str:
    return f"{bits} bit" if bits > 1 else "float"

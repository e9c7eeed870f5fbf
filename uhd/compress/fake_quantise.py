"""Train with the rounding that an integer deployment will do: values on a grid, gradients straight through.

A quantised network is the same network with the same state-dict names (Bengio et al., straight-through estimator,
2013; Jacob et al., 2018): its layers change their class in place, and :func:`strip` changes them back.

Paper: https://arxiv.org/abs/1712.05877
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor, nn

from uhd.compress.config import Bits, QuantiseConfig, quantisation_of
from uhd.compress.grid import Grid
from uhd.compress.rounding import LEAST_SCALE, power_of_two_scale, round_signed, round_weights
from uhd.config import to_plain
from uhd.errors import UserError
from uhd.models.layers import ConvNormAct

if TYPE_CHECKING:
    from uhd.models.network import DetectorNetwork

N = TypeVar("N", bound="DetectorNetwork")

OBSERVER_MOMENTUM = 0.01  # share of a new batch in the moving ranges


def fake_quantise(x: Tensor, bits: int, keep: int | None = None) -> Tensor:
    """Round to the symmetric grid ``scale * (-q .. q)``, q = 2^(bits - 1) - 1, scale = max|x| / q (at least 1e-8).

    Args:
        x: any shape.
        bits: of the grid; below 2 ``x`` is returned as it is.
        keep: dimension whose entries have a scale each (0: output channels of a weight); None: one for the tensor.

    Returns:
        the rounded values; their gradient goes to ``x`` unchanged.
    """
    if bits < 2:
        return x
    top = 2 ** (bits - 1) - 1
    with torch.no_grad():
        exact = x.detach().float()  # the least scale is nothing in half precision
        size = exact.abs()
        largest = size.max() if keep is None else size.amax([d for d in range(x.ndim) if d != keep], keepdim=True)
        scale = (largest / top).clamp(min=LEAST_SCALE)
        rounded = (exact / scale).round_().mul_(scale).to(x.dtype)
    # The difference is 0 but carries the gradient. The original's x + (rounded - x) is the same number: the difference
    # of a value and its grid point, at most twice as large, is exact.
    through: Tensor = rounded + (x - x.detach())
    return through


class QuantisedConv2d(nn.Conv2d):
    """A convolution whose weights are rounded in every forward pass.

    Attributes:
        w_bits: of the grid.
        per_channel: a scale for each output channel instead of one for all.
        grid: of ``--qat`` where batch-norm is folded; None: symmetric, by the largest weight.
        norms: the batch-norm behind it that is folded into the weights before they are rounded, or nothing; in a tuple,
            as it is no part of this layer.
    """

    w_bits: int
    per_channel: bool
    grid: Grid | None
    norms: tuple[nn.BatchNorm2d, ...]

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, in, H, W) to (B, out, H', W')."""
        y: Tensor = self._conv_forward(x, self.rounded(), self.bias)
        return y

    def rounded(self) -> Tensor:
        """Return the weights (out, in, k, k) on their grid, or so that they lie on it once batch-norm is folded in."""
        if self.grid is None:
            return fake_quantise(self.weight, self.w_bits, 0 if self.per_channel else None)
        factor = self._factor()
        return round_weights(self.weight * factor, self.w_bits, self.grid) / factor

    def _factor(self) -> Tensor:
        """Return what batch-norm multiplies every channel by, (out, 1, 1, 1); 1 for one that it switches off."""
        factor = self.weight.new_ones(len(self.weight))
        for norm in self.norms:
            assert norm.running_var is not None
            factor = (norm.weight / torch.sqrt(norm.running_var + norm.eps)).detach()
        return torch.where(factor == 0, 1.0, factor)[:, None, None, None]


class ObservedOutput(nn.Module):
    """A layer whose output is rounded, by the range of each batch or, under ``--qat``, by an observed range.

    In evaluation every image has the range of its own, so that a result does not depend on what else is in the batch.

    Attributes:
        a_bits: of the grid.
        observed: (2,) least and largest output so far (moving average), a buffer; None without ``--qat``.
        levels: steps of the grid between them.
        observing: whether training moves the range.
        grid: of ``--qat``, or None.
    """

    a_bits: int
    observed: Tensor | None
    levels: int
    observing: bool
    grid: Grid | None

    def round_output(self, y: Tensor) -> Tensor:
        """Return an output (B, C, H, W) on its grid."""
        if self.observed is None:
            return fake_quantise(y, self.a_bits, None if self.training else 0)
        if self.training and self.observing:
            self._observe(y.detach())
        low, high = self.observed.float().unbind()
        if self.grid is not None and self.grid.power_of_two:
            scale = power_of_two_scale(torch.maximum(high, -low), self.a_bits)
            rounded = round_signed(y, scale, self.a_bits, self.grid.half_up).to(y.dtype)
        else:
            scale = ((high - low) / self.levels).clamp(min=LEAST_SCALE)
            zero = (-low / scale).round().clamp(0, self.levels).to(torch.int32)
            rounded = torch.fake_quantize_per_tensor_affine(y.float(), scale, zero, 0, self.levels)
        # Before the first observation there is no range to round to.
        return torch.where(high > low, rounded, y)

    @torch.no_grad()
    def _observe(self, y: Tensor) -> None:
        assert self.observed is not None
        zero = y.new_zeros(())  # lies on every grid, as padding needs it
        found = torch.stack([torch.minimum(y.min(), zero), torch.maximum(y.max(), zero)]).float()
        fresh = (self.observed == 0).all()
        self.observed.lerp_(found, torch.where(fresh, 1.0, OBSERVER_MOMENTUM))


class QuantisedConvNormAct(ObservedOutput, ConvNormAct):
    """A block whose output is rounded."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, cin, H, W) to (B, cout, H/s, W/s)."""
        return self.round_output(super().forward(x))


class QuantisedAnswer(ObservedOutput, QuantisedConv2d):
    """A last convolution, whose output is a map that the decoder reads: weights and output are rounded."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, in, H, W) to (B, out, H', W')."""
        return self.round_output(super().forward(x))


def quantise(network: N, config: QuantiseConfig) -> N:
    """Change the layers of a network in place; returns it.

    Every block (convolution, norm, activation) of a part is quantised, in the head also the weights of the ``*_out``
    convolutions. Bare convolutions inside other layers stay as they are, as in the original, but on the grid of a
    device, which rounds those too, and the maps that the decoder reads.

    Raises:
        UserError: the network is no UltraTinyOD, or the settings contradict each other.
    """
    parts = config.parts()
    network.quantisation = config if parts else None
    if parts and network.arch != "ultratinyod":
        raise UserError(f"--w-bits, --a-bits and --qat are for --arch ultratinyod, not {network.arch}")
    for name, bits in parts.items():
        part, norms = network.get_submodule(name), _norms_behind(network) if config.folds else {}
        for module in list(part.modules()):
            if type(module) is ConvNormAct:
                _round_weights(module.conv, bits, config, norms.get(module.conv, ()))
                _round_output(module, QuantisedConvNormAct, bits, config)
        for child_name, child in part.named_modules():
            answer = name == "head" and "_out" in child_name and "." not in child_name
            if type(child) is nn.Conv2d and (answer or config.folds):
                _round_weights(child, bits, config, norms.get(child, ()))
                if answer and config.folds:
                    _round_output(child, QuantisedAnswer, bits, config)
    return network


def _norms_behind(network: nn.Module) -> dict[nn.Module, tuple[nn.BatchNorm2d, ...]]:
    """Return the batch-norm that directly follows a convolution, for every one that has one."""
    found: dict[nn.Module, tuple[nn.BatchNorm2d, ...]] = {}
    for module in network.modules():
        if isinstance(module, ConvNormAct | nn.Sequential):
            for first, second in pairwise(module.children()):
                if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                    found[first] = (second,)
    return found


def repeat(network: N, meta: Mapping[str, Any], where: str) -> N:
    """Quantise a fresh network as its checkpoint says; see :mod:`uhd.models.modify`.

    Raises:
        UserError: what the file ``where`` says does not fit.
    """
    return quantise(network, quantisation_of(meta, where))


def describe(network: DetectorNetwork) -> dict[str, Any]:
    """Return the settings as metadata, under our key and under the original's names."""
    if network.quantisation is None:
        return {}
    settings = to_plain(network.quantisation)
    return {**settings, "quantise_config": settings}


def strip(network: N) -> N:
    """Make the layers of a quantised network ordinary again, in place: weights on their grid, activations float.

    This is what export writes. Folding batch-norm scales every output channel as a whole, so the weights of the file
    still lie on a grid of as many bits; the ranges of activations are found by the integer runtime's own calibration.
    """
    for module in list(network.modules()):
        if isinstance(module, QuantisedConvNormAct):
            _forget_range(module)
            _become(module, ConvNormAct)
        elif isinstance(module, QuantisedConv2d):
            with torch.no_grad():
                module.weight.copy_(module.rounded())
            _forget_range(module)
            _become(module, nn.Conv2d)
    network.quantisation = None
    return network


def start_epoch(network: DetectorNetwork, epoch: int) -> None:
    """Stop observing and freeze batch-norm where ``--qat`` says so; to be called after ``train()``.

    Args:
        network: in training mode.
        epoch: 0-based.
    """
    config: QuantiseConfig | None = network.quantisation
    if config is None or not config.qat:
        return
    for module in network.modules():
        if isinstance(module, ObservedOutput):
            module.observing = epoch < config.qat_disable_observer_epoch
        elif isinstance(module, nn.BatchNorm2d) and (config.folds or epoch >= config.qat_freeze_bn_epoch):
            module.eval()


def fit_ranges(state: dict[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """Return the state dict with the observed ranges that the network has, its own where the state has none.

    So weights go from an ordinary network to one under ``--qat`` and back.
    """
    own = {name: value for name, value in network.state_dict().items() if name.endswith(".observed")}
    kept = {name: value for name, value in state.items() if not name.endswith(".observed") or name in own}
    return own | kept


def _become(module: nn.Module, kind: type[nn.Module]) -> None:
    module.__class__ = kind


def _round_weights(conv: nn.Conv2d, bits: Bits, config: QuantiseConfig, norms: tuple[nn.BatchNorm2d, ...] = ()) -> None:
    grid = config.grid
    if bits.weights > 1:
        _become(conv, QuantisedConv2d)
        assert isinstance(conv, QuantisedConv2d)
        conv.w_bits, conv.per_channel = bits.weights, grid is None or grid.per_channel
        conv.grid, conv.norms = grid if config.folds else None, norms


def _round_output(layer: nn.Module, kind: type[ObservedOutput], bits: Bits, config: QuantiseConfig) -> None:
    grid = config.grid
    if bits.activations > 1:
        device, weighted = next(layer.parameters()).device, isinstance(layer, QuantisedConv2d)
        _become(layer, kind)
        assert isinstance(layer, ObservedOutput)
        layer.a_bits, layer.observing, layer.grid = bits.activations, True, grid
        layer.levels = 2 ** (bits.activations - (0 if grid is None else grid.spare_bits)) - 1
        if isinstance(layer, QuantisedAnswer) and not weighted:
            layer.w_bits, layer.per_channel, layer.norms = 0, False, ()
        if grid is not None:
            layer.register_buffer("observed", torch.zeros(2, device=device))
        else:
            layer.observed = None


def _forget_range(layer: nn.Module) -> None:
    if getattr(layer, "observed", None) is not None:
        del layer.observed

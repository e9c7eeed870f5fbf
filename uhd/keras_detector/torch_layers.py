"""Keras layers whose arithmetic on the torch backend is one kernel of torch; used while training, never in a file.

Keras keeps channels last and torch's kernels want them second. Torch can have both, by the order of memory alone; Keras
3 copies every map twice per convolution instead and normalises in a dozen passes, which doubles the time of a step.
"""

from __future__ import annotations

from typing import Any

import keras
import torch.nn.functional as F
from torch import Tensor

from uhd.keras_detector.layers import LayerKinds


def _convolve(inputs: Tensor, kernel: Tensor, bias: Tensor | None, layer: Any, groups: int) -> Tensor:
    """Convolve (B, h, w, C) with a kernel (O, I, k, k); ``same`` only at stride 1, where it pads evenly."""
    padding = "same" if layer.padding == "same" and max(layer.kernel_size) > 1 else 0
    out = F.conv2d(
        inputs.permute(0, 3, 1, 2), kernel, bias, layer.strides, padding, layer.dilation_rate, groups
    )  # fmt: skip
    return out.permute(0, 2, 3, 1)


class FusedConv(keras.layers.Conv2D):  # type: ignore[misc]
    """A convolution."""

    def call(self, inputs: Any) -> Any:
        """Convolve (B, h, w, C)."""
        bias = self.bias.value if self.use_bias else None
        return _convolve(inputs, self.kernel.value.permute(3, 2, 0, 1), bias, self, 1)


class FusedDepthwiseConv(keras.layers.DepthwiseConv2D):  # type: ignore[misc]
    """A convolution of every channel by itself."""

    def call(self, inputs: Any) -> Any:
        """Convolve (B, h, w, C)."""
        return _convolve(inputs, self.kernel.value.permute(2, 3, 0, 1), None, self, inputs.shape[-1])


class FusedBatchNorm(keras.layers.BatchNormalization):  # type: ignore[misc]
    """Batch-norm. As in torch, the running variance is that of a sample (divided by n - 1); Keras divides by n."""

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalise (B, h, w, C); in training the moving statistics change in place."""
        del mask
        out = F.batch_norm(
            inputs.permute(0, 3, 1, 2), self.moving_mean.value, self.moving_variance.value, self.gamma.value,
            self.beta.value, bool(training), 1 - self.momentum, self.epsilon,
        )  # fmt: skip
        return out.permute(0, 2, 3, 1)


class FusedMaxPool(keras.layers.MaxPooling2D):  # type: ignore[misc]
    """A maximum over an odd window at stride 1."""

    def call(self, inputs: Any) -> Any:
        """Pool (B, h, w, C)."""
        size = self.pool_size[0]
        return F.max_pool2d(inputs.permute(0, 3, 1, 2), size, 1, size // 2).permute(0, 2, 3, 1)


FUSED = LayerKinds(FusedConv, FusedDepthwiseConv, FusedBatchNorm, FusedMaxPool)

"""Keras layers that compute what the blocks of :mod:`uhd.models.layers` compute, under the same names.

A name is that of the torch module with ``__`` for ``.`` (the torch backend of Keras takes no dots). Maps are
(B, H, W, C). Strided convolutions are padded explicitly: Keras' ``same`` pads right and below only where torch pads
all around, which would shift the image by a pixel at every stage.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
from keras import layers

from uhd.models.normalisation import BN_EPS, BN_MOMENTUM

Tensor = Any


def initializer(depthwise: bool = False) -> keras.initializers.Initializer:
    """Return the torch network's initialisation: Kaiming normal with the fan out (He et al., 2015,
    https://arxiv.org/abs/1502.01852); a depthwise kernel counts its fan in, which is torch's fan out of one group.
    """
    return keras.initializers.VarianceScaling(2.0, "fan_in" if depthwise else "fan_out", "untruncated_normal")


@dataclass(frozen=True)
class LayerKinds:
    """The classes of the layers that compute; those of Keras, unless a backend has faster ones of the same meaning."""

    conv: type[Any] = layers.Conv2D
    depthwise: type[Any] = layers.DepthwiseConv2D
    norm: type[Any] = layers.BatchNormalization
    pool: type[Any] = layers.MaxPooling2D


class Blocks:
    """Adds layers that share an activation, batch-norm or none, and depthwise or standard convolutions.

    Args:
        act: ``relu``, ``swish`` or ``silu``.
        use_batchnorm: normalise after every convolution.
        conv: ``dw`` or ``std``.
        kinds: classes of the layers.
    """

    def __init__(self, act: str, use_batchnorm: bool, conv: str = "dw", kinds: LayerKinds | None = None) -> None:
        self.act = "relu" if act == "relu" else "silu"
        self.use_batchnorm = use_batchnorm
        self.standard = conv == "std"
        self.kinds = kinds or LayerKinds()

    def conv(
        self, x: Tensor, name: str, cout: int, k: int = 1, s: int = 1, depthwise: bool = False, dilation: int = 1
    ) -> Tensor:
        """Add a convolution without bias, padded as torch pads it: (B, H, W, C) -> (B, H/s, W/s, cout)."""
        padding = "same"
        if k > 1 and s > 1:
            x, padding = layers.ZeroPadding2D(k // 2, name=f"{name}__pad")(x), "valid"
        shared: dict[str, Any] = {
            "strides": s, "padding": padding, "dilation_rate": dilation, "use_bias": False, "name": name,
        }  # fmt: skip
        if depthwise:
            return self.kinds.depthwise(k, depthwise_initializer=initializer(True), **shared)(x)
        return self.kinds.conv(cout, k, kernel_initializer=initializer(), **shared)(x)

    def norm(self, x: Tensor, name: str) -> Tensor:
        """Add batch-norm over the channels of (B, h, w, C) where there is one.

        Torch's momentum counts the new value, Keras' the old one.
        """
        if not self.use_batchnorm:
            return x
        return self.kinds.norm(momentum=1 - BN_MOMENTUM, epsilon=BN_EPS, name=name)(x)

    def activation(self, x: Tensor, name: str) -> Tensor:
        """Add the activation."""
        return layers.Activation(self.act, name=name)(x)

    def cba(
        self, x: Tensor, name: str, cout: int, k: int = 1, s: int = 1, depthwise: bool = False, act: bool = True
    ) -> Tensor:
        """Add convolution, norm and activation: (B, H, W, C) to (B, h, w, cout)."""
        x = self.norm(self.conv(x, f"{name}__conv", cout, k, s, depthwise), f"{name}__bn")
        return self.activation(x, f"{name}__act") if act else x

    def dw(self, x: Tensor, name: str, cout: int, s: int = 1) -> Tensor:
        """Add a depthwise-separable block, or one dense 3x3 in ``std`` mode."""
        if self.standard:
            return self.cba(x, f"{name}__conv", cout, 3, s)
        x = self.cba(x, f"{name}__dw", x.shape[-1], 3, s, depthwise=True)
        return self.cba(x, f"{name}__pw", cout)

    def spatial(self, x: Tensor, name: str, k: int, s: int = 1, dilation: int = 1) -> Tensor:
        """Add a bare k x k convolution that keeps the channels; depthwise unless in ``std`` mode."""
        return self.conv(x, name, x.shape[-1], k, s, not self.standard, dilation)

    def spatial_norm_act(self, x: Tensor, name: str, k: int, s: int = 1, dilation: int = 1) -> Tensor:
        """Add the first three entries of a torch ``Sequential``: such a convolution, norm, activation."""
        x = self.norm(self.spatial(x, f"{name}__0", k, s, dilation), f"{name}__1")
        return self.activation(x, f"{name}__2")


def effective_se(blocks: Blocks, x: Tensor, name: str) -> Tensor:
    """Add channel attention with one full-width layer (Lee and Park, 2019, https://arxiv.org/abs/1911.06667)."""
    mean = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}__mean")(x)
    gate = blocks.kinds.conv(x.shape[-1], 1, kernel_initializer=initializer(), name=f"{name}__fc")(mean)
    return layers.Multiply(name=name)([x, layers.Activation("sigmoid", name=f"{name}__gate")(gate)])


def receptive_field(blocks: Blocks, x: Tensor, name: str, dilation: int) -> Tensor:
    """Add a dilated 3x3 and a 5x5 branch, fused and added to the input (after Liu et al., 2018,
    https://arxiv.org/abs/1711.07767).
    """
    dilated = blocks.spatial_norm_act(x, f"{name}__branch_dilated", 3, dilation=dilation)
    wide = blocks.spatial_norm_act(x, f"{name}__branch_wide", 5)
    both = layers.Concatenate(name=f"{name}__concat")([dilated, wide])
    return layers.Add(name=name)([x, blocks.cba(both, f"{name}__fuse", x.shape[-1])])


def pool_pyramid(blocks: Blocks, x: Tensor, name: str, cout: int, scale: str) -> Tensor:
    """Add 1x1, one 5x5 max-pool beside it, concat, 1x1: the smallest form of SPPF."""
    hidden = x.shape[-1] // 2

    def scaled(y: Tensor, part: str) -> Tensor:
        if scale == "conv":
            return blocks.cba(y, f"{name}__{part}", hidden, act=False)
        return blocks.norm(y, f"{name}__{part}") if scale == "bn" else y

    x = blocks.cba(x, f"{name}__cv1", hidden)
    pooled = blocks.kinds.pool(5, 1, "same", name=f"{name}__pool")(x)
    both = layers.Concatenate(name=f"{name}__concat")([scaled(x, "scale_x"), scaled(pooled, "scale_y")])
    return blocks.cba(both, f"{name}__cv2", cout)


def resize_nearest(x: Tensor, size: tuple[int, int], name: str) -> Tensor:
    """Enlarge (B, h, w, C) to ``size`` by torch's rule for ``nearest``: the source index is floor(i * in / out)."""
    h, w = int(x.shape[1]), int(x.shape[2])
    if size == (2 * h, 2 * w):
        return layers.UpSampling2D(2, name=name)(x)
    rows, columns = [i * h // size[0] for i in range(size[0])], [i * w // size[1] for i in range(size[1])]
    return keras.ops.take(keras.ops.take(x, rows, axis=1), columns, axis=2)

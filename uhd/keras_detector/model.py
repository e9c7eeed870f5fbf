"""UltraTinyOD as a functional Keras model."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import layers

from uhd.config import to_plain
from uhd.errors import UserError
from uhd.keras_detector.anchor_table import AnchorTable, attach_table
from uhd.keras_detector.layers import (
    Blocks,
    LayerKinds,
    Tensor,
    effective_se,
    initializer,
    pool_pyramid,
    receptive_field,
    resize_nearest,
)
from uhd.models.ultratinyod.config import UltraTinyODConfig

INPUT = "input_1"
FEATURES = "backbone__sppf__cv2__act"  # the layer whose output the head reads
_PRIOR = math.log(0.01 / 0.99)


def create_keras_model(
    config: UltraTinyODConfig, size: tuple[int, int] = (64, 64), kinds: LayerKinds | None = None
) -> keras.Model:
    """Return the Keras twin of :class:`uhd.models.ultratinyod.UltraTinyOD`.

    Args:
        config: architecture; quantisation variants and several labels per object exist in torch only.
        size: (height, width) of the input in pixels, divisible by the stride.
        kinds: classes of the layers, Keras' own by default.

    Returns:
        a model from (B, height, width, in_channels) float32 in [0, 1], input layer ``input_1``, to the raw map
        (B, height / stride, width / stride, A * no), channel ``a * no + j`` as in torch.

    Raises:
        UserError: an option that Keras does not have, or a size that the stride does not divide.
    """
    if config.utod_backbone != "own":
        raise UserError(f"--utod-backbone {config.utod_backbone}: Keras has own only; train it with --framework torch")
    if config.utod_quant_arch:
        raise UserError(f"--utod-quant-arch {config.utod_quant_arch}: not in Keras; train it with --framework torch")
    if config.head != "anchor":
        raise UserError(f"--head {config.head}: Keras has the anchor head; train it with --framework torch")
    if config.multi_label_mode != "none" or config.num_attributes:
        raise UserError("--multi-label-mode: several labels per object exist with --framework torch only")
    if size[0] % config.stride or size[1] % config.stride:
        raise UserError(f"--img-size {size[0]}x{size[1]}: both must be multiples of the output stride {config.stride}")
    blocks = Blocks(config.activation, config.use_batchnorm, config.utod_conv, kinds)
    images = keras.Input((*size, config.in_channels), name=INPUT)
    features = _shared(blocks, _backbone(blocks, images, config), config)
    raw = _assemble(_branches(blocks, features, config), config)
    table = AnchorTable(config.anchor_sizes, config.use_improved_head, {"model_config": to_plain(config)}, name="head")
    return attach_table(keras.Model(images, raw, name="ultratinyod"), table)


def _backbone(blocks: Blocks, x: Tensor, config: UltraTinyODConfig) -> Tensor:
    c, stride = config.cnn_width, config.stride
    s2, s3 = (1 if stride == 4 else 2), (2 if stride == 16 else 1)
    x = blocks.cba(x, "backbone__stem", c, 3, 2)
    x = blocks.dw(x, "backbone__block1", 2 * c, 2)
    x = blocks.dw(x, "backbone__block2", 4 * c, s2)
    y = blocks.dw(x, "backbone__block3", 8 * c, s3)
    if config.utod_residual:
        y = layers.Add(name="backbone__add3")([y, blocks.cba(x, "backbone__block3_skip", 8 * c, 1, s3, act=False)])
    z = blocks.dw(y, "backbone__block4", 8 * c)
    if config.utod_residual:
        z = layers.Add(name="backbone__add4")([z, y])
    return pool_pyramid(blocks, z, "backbone__sppf", 4 * c, config.utod_sppf_scale)


def _shared(blocks: Blocks, x: Tensor, config: UltraTinyODConfig) -> Tensor:
    """Add the context that every branch reads."""
    c = 4 * config.cnn_width
    x = blocks.dw(x, "head__context", c)
    if config.use_improved_head:
        y = blocks.dw(x, "head__context_res__0", c)
        y = blocks.dw(blocks.cba(y, "head__context_res__1", c), "head__context_res__2", c)
        x = layers.Add(name="head__context_add")([x, y])
    if config.utod_context_rfb:
        x = receptive_field(blocks, x, "head__head_rfb", config.utod_context_dilation)
    if config.utod_large_obj_branch:
        large = blocks.spatial_norm_act(x, "head__large_obj_down", 3, 2)
        width = round(c * max(0.25, config.utod_large_obj_ch_scale))
        large = blocks.cba(large, "head__large_obj_down__3", width)
        for i in range(config.utod_large_obj_depth):
            large = blocks.dw(large, f"head__large_obj_blocks__{i}", width)
        large = resize_nearest(large, (int(x.shape[1]), int(x.shape[2])), "head__large_obj_up")
        x = layers.Add(name="head__large_obj_add")([x, blocks.cba(large, "head__large_obj_fuse", c)])
    return effective_se(blocks, x, "head__head_se") if config.utod_head_ese else x


def _branches(blocks: Blocks, x: Tensor, config: UltraTinyODConfig) -> dict[str, Tensor]:
    """Add the branches; returns logits (B, h, w, A * n) by name, in the order of the raw map."""
    c, a, towers = 4 * config.cnn_width, len(config.anchor_sizes), config.use_iou_aware_head

    def block(name: str) -> Tensor:
        if not towers:
            return blocks.dw(x, f"head__{name}_conv", c)
        return blocks.dw(blocks.dw(x, f"head__{name}_tower__0", c), f"head__{name}_tower__1", c)

    maps = {"box": _out(blocks, block("box"), "head__box_out", 4 * a)}
    maps["obj"] = _out(blocks, blocks.dw(x, "head__obj_conv", c), "head__obj_out", a, _PRIOR)
    if config.has_quality:
        maps["quality"] = _out(blocks, block("quality"), "head__quality_out", a)
    if config.class_channels:
        middle = max(8, min(c, round(config.cls_bottleneck_ratio * c)))
        if towers:
            y = blocks.dw(blocks.cba(x, "head__cls_tower__0", middle), "head__cls_tower__1", middle)
            y = blocks.dw(y, "head__cls_tower__2", middle)
        else:
            y = blocks.dw(blocks.cba(x, "head__cls_reduce", middle), "head__cls_conv", middle)
        maps["cls"] = _out(blocks, y, "head__cls_out", a * config.class_channels, _PRIOR)
    return maps


def _out(blocks: Blocks, x: Tensor, name: str, channels: int, bias: float = 0.0) -> Tensor:
    return blocks.kinds.conv(
        channels, 1, kernel_initializer=initializer(), bias_initializer=keras.initializers.Constant(bias), name=name
    )(x)


def _assemble(maps: dict[str, Any], config: UltraTinyODConfig) -> Tensor:
    """Interleave the branches per anchor: (B, h, w, A * no)."""
    a = len(config.anchor_sizes)
    _, h, w, _ = maps["obj"].shape
    parts = [layers.Reshape((h, w, a, -1), name=f"head__{name}_per_anchor")(each) for name, each in maps.items()]
    stacked = layers.Concatenate(name="head__per_anchor")(parts)
    return layers.Reshape((h, w, a * int(stacked.shape[-1])), name="output_0")(stacked)

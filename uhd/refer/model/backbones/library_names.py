"""Names of the libraries `transformers` and `timm` for the layers of our backbones.

``#`` is a number, the same on both sides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Names = Mapping[str, str | tuple[str, ...]]
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's pictures from 0 to 1


@dataclass(frozen=True)
class Family:
    """How a library names and feeds the backbones of one paper.

    Attributes:
        prefix: stands before the names in files of a classifier.
        names: of the library for each of our layers; several are put one after the other.
        ignored: layers of the file that follow the backbone, or tables that are computed.
        own: patterns of our layers that no file has; they keep their start.
        first: our layer that takes the picture, and where a constant goes: its bias, or a running mean.
        mean: taken off pictures from 0 to 1.
        deviation: by which they are then divided.
        blue_first: whether the channels are given as blue, green, red.
        library: that saves such files.
    """

    prefix: str
    names: Names
    ignored: tuple[str, ...]
    first: tuple[str, str]
    own: tuple[str, ...] = ()
    mean: tuple[float, ...] = _MEAN
    deviation: tuple[float, ...] = _DEVIATION
    blue_first: bool = False
    library: str = "transformers"


def _conv(ours: str, theirs: str) -> Names:
    """Return the names of a convolution and its batch-norm."""
    return {f"{ours}.conv": f"{theirs}.convolution", f"{ours}.norm": f"{theirs}.normalization"}


def _bottleneck(ours: str, theirs: str) -> Names:
    """Return the names of an inverted residual."""
    parts = {"widen": "expand_1x1", "spatial": "conv_3x3", "narrow": "reduce_1x1"}
    return {k: v for mine, its in parts.items() for k, v in _conv(f"{ours}.{mine}", f"{theirs}.{its}").items()}


def _token_layer(ours: str, theirs: str) -> Names:
    """Return the names of a layer of attention and an MLP in MobileViT."""
    return {
        f"{ours}norms.0": f"{theirs}layernorm_before",
        f"{ours}norms.1": f"{theirs}layernorm_after",
        f"{ours}attention.query": f"{theirs}attention.attention.query",
        f"{ours}attention.key_value": tuple(f"{theirs}attention.attention.{each}" for each in ("key", "value")),
        f"{ours}attention.out": f"{theirs}attention.output.dense",
        f"{ours}first": f"{theirs}intermediate.dense",
        f"{ours}last": f"{theirs}output.dense",
    }


_ATTENTION = "attention.self."
_SEGFORMER: Names = {
    "embed.#": "encoder.patch_embeddings.#.proj",
    "embedded.#": "encoder.patch_embeddings.#.layer_norm",
    "norms.#": "encoder.layer_norm.#",
    **{
        f"blocks.#.#.{ours}": f"encoder.block.#.#.{theirs}"
        for ours, theirs in {
            "norms.0": "layer_norm_1",
            "norms.1": "layer_norm_2",
            "attention.query": f"{_ATTENTION}query",
            "attention.out": "attention.output.dense",
            "shrink": f"{_ATTENTION}sr",
            "shrunk": f"{_ATTENTION}layer_norm",
            "first": "mlp.dense1",
            "spatial": "mlp.dwconv.dwconv",
            "last": "mlp.dense2",
        }.items()
    },
    "blocks.#.#.attention.key_value": tuple(f"encoder.block.#.#.{_ATTENTION}{each}" for each in ("key", "value")),
}

_SWIN: Names = {
    "embed": "embeddings.patch_embeddings.projection",
    "embedded": "embeddings.norm",
    "merging.#.norm": "encoder.layers.#.downsample.norm",
    "merging.#.reduce": "encoder.layers.#.downsample.reduction",
    "norms.3": "layernorm",
    **{
        f"blocks.#.#.{ours}": f"encoder.layers.#.blocks.#.{theirs}"
        for ours, theirs in {
            "norms.0": "layernorm_before",
            "norms.1": "layernorm_after",
            "attention.query": f"{_ATTENTION}query",
            "attention.out": "attention.output.dense",
            "offsets": f"{_ATTENTION}relative_position_bias_table",
            "first": "intermediate.dense",
            "last": "output.dense",
        }.items()
    },
    "blocks.#.#.attention.key_value": tuple(
        f"encoder.layers.#.blocks.#.{_ATTENTION}{each}" for each in ("key", "value")
    ),
}
_POOLFORMER: Names = {
    "embed.#": "encoder.patch_embeddings.#.projection",
    **{
        f"blocks.#.#.{ours}": f"encoder.block.#.#.{theirs}"
        for ours, theirs in {
            "norms.0": "before_norm",
            "norms.1": "after_norm",
            "first": "output.conv1",
            "last": "output.conv2",
            "scales.0": "layer_scale_1",
            "scales.1": "layer_scale_2",
        }.items()
    },
}
_STAGES = (2, 3, 4)  # of the library's layers, those with attention
_MOBILEVIT: Names = {
    **_conv("stem", "conv_stem"),
    **_bottleneck("first", "encoder.layer.0.layer.0"),
    **_bottleneck("second.#", "encoder.layer.1.layer.#"),
    **_conv("last", "conv_1x1_exp"),
    **{
        ours: theirs
        for i, n in enumerate(_STAGES)
        for ours, theirs in {
            **_bottleneck(f"down.{i}", f"encoder.layer.{n}.downsampling_layer"),
            **_conv(f"blocks.{i}.near", f"encoder.layer.{n}.conv_kxk"),
            **_conv(f"blocks.{i}.leave", f"encoder.layer.{n}.conv_projection"),
            **_conv(f"blocks.{i}.merge", f"encoder.layer.{n}.fusion"),
            f"blocks.{i}.enter": f"encoder.layer.{n}.conv_1x1.convolution",
            f"blocks.{i}.norm": f"encoder.layer.{n}.layernorm",
            **_token_layer(f"blocks.{i}.layers.#.", f"encoder.layer.{n}.transformer.layer.#."),
        }.items()
    },
}


def _timm(ours: str, theirs: str, parts: Mapping[str, str]) -> Names:
    """Return the names of convolutions and their batch-norms in `timm`."""
    kinds = {"conv": "conv", "norm": "bn"}
    return {f"{ours}{a}.{mine}": f"{theirs}{b}.{its}" for a, b in parts.items() for mine, its in kinds.items()}


_HEADS = {"key": "k", "value": "v", "near": "v_local", "out": "proj"}
_MIXER, _ASKING = "stages.#.blocks.#.token_mixer.", "stages.3.downsample.attn."
_EFFICIENTFORMER: Names = {
    **_timm("stem.", "stem.conv", {"0": "1", "1": "2"}),
    **_timm("down.", "stages.", {str(i): f"{i + 1}.downsample.conv" for i in range(3)}),
    **_timm("asking.", _ASKING, {"query": "q.proj", **_HEADS}),
    "asking.local": f"{_ASKING}q.local",
    "asking.bias.table": f"{_ASKING}attention_biases",
    **_timm("stages.#.#.", "stages.#.blocks.#.mlp.", {"first": "fc1", "spatial": "mid", "last": "fc2"}),
    **_timm("stages.#.#.attention.", _MIXER, {"shrink": "stride_conv", "query": "q", **_HEADS}),
    "stages.#.#.attention.before": f"{_MIXER}talking_head1",
    "stages.#.#.attention.after": f"{_MIXER}talking_head2",
    "stages.#.#.attention.bias.table": f"{_MIXER}attention_biases",
    "stages.#.#.scales.0": "stages.#.blocks.#.ls2.gamma",
    "stages.#.#.scales.1": "stages.#.blocks.#.ls1.gamma",
}
_EMBED = ("embed.0.weight", "embed.0.bias")

FAMILIES: Mapping[str, Family] = {  # by the class of the backbone
    "SegFormer": Family("segformer.", _SEGFORMER, ("classifier", "decode_head"), _EMBED),
    "Swin": Family(
        "swin.",
        _SWIN,
        ("classifier", "pooler", r"encoder\.layers\.\d\.blocks\.\d\.attention\.self\.relative_position_index"),
        ("embed.weight", "embed.bias"),
        own=(r"norms\.[0-2]\.",),
    ),
    "PoolFormer": Family("poolformer.", _POOLFORMER, ("classifier", "norm"), _EMBED),
    "MobileViT": Family(
        "mobilevit.",
        _MOBILEVIT,
        ("classifier",),
        ("stem.conv.weight", "stem.norm.running_mean"),
        mean=(0.0, 0.0, 0.0),
        deviation=(1.0, 1.0, 1.0),
        blue_first=True,
    ),
    "EfficientFormerV2": Family(
        "",
        _EFFICIENTFORMER,
        ("norm", "head", "head_dist"),
        ("stem.0.conv.weight", "stem.0.conv.bias"),
        library="timm",
    ),
}

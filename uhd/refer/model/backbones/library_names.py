"""Names of the library `transformers` for the layers of our backbones: ``#`` is a number, the same on both sides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Names = Mapping[str, str | tuple[str, ...]]
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's pictures from 0 to 1


@dataclass(frozen=True)
class Family:
    """How the library names and feeds the backbones of one paper.

    Attributes:
        prefix: stands before the names in files of a classifier.
        names: of the library for each of our layers; several are put one after the other.
        ignored: layers of the file that follow the backbone, or tables that are computed.
        own: patterns of our layers that no file has; they keep their start.
        first: our layer that takes the picture, and where a constant goes: its bias, or a running mean.
        mean: taken off pictures from 0 to 1.
        deviation: by which they are then divided.
        blue_first: whether the channels are given as blue, green, red.
    """

    prefix: str
    names: Names
    ignored: tuple[str, ...]
    first: tuple[str, str]
    own: tuple[str, ...] = ()
    mean: tuple[float, ...] = _MEAN
    deviation: tuple[float, ...] = _DEVIATION
    blue_first: bool = False


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

FAMILIES: Mapping[str, Family] = {  # by the class of the backbone
    "SegFormer": Family("segformer.", _SEGFORMER, ("classifier", "decode_head"), ("embed.0.weight", "embed.0.bias")),
}

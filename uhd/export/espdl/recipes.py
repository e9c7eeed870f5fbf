"""Which layers the original computes in 16 bits on the ESP32-S3, by name of the recipe."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """Settings that were found together.

    Attributes:
        patterns: nodes in 16 bits. One that a model does not have is passed over: recipes span model variants.
        equalise: whether weights are equalised between layers first.
    """

    patterns: tuple[str, ...]
    equalise: bool = True


_OUTPUTS = ("/box_out/Conv", "/quality_out/Conv")
_BLOCK1 = ("/backbone/block1/pw/conv/Conv", "/backbone/block1/pw/act/Relu")

RECIPES = {
    "speed": Recipe((*_OUTPUTS, *_BLOCK1)),
    "precision": Recipe(
        (
            *_OUTPUTS,
            "/box_tower/box_tower.1/pw/conv/Conv",
            "/box_tower/box_tower.1/pw/act/Relu",
            "/depthwiseconv/backbone/block1/dw/conv/Conv",
            "/backbone/block1/dw/act/Relu",
            "/backbone/stem/conv/Conv",
            "/backbone/stem/act/Relu",
            *_BLOCK1,
            "/backbone/block2/pw/conv/Conv",
            "/backbone/block2/pw/act/Relu",
            "/depthwiseconv/backbone/block2/dw/conv/Conv",
            "/backbone/block2/dw/act/Relu",
            "/backbone/block3_skip/conv/Conv",
            "/backbone/sppf/scale_x/conv/Conv",
        )
    ),
}

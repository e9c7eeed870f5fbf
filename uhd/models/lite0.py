"""The stages of EfficientNet-Lite0, as published (https://arxiv.org/abs/1905.11946; the Lite form has ReLU6)."""

from __future__ import annotations

# Blocks, kernel, stride, ratio, channels; the strides are those of images at the size of the publication.
STAGES = ((1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192),
          (1, 3, 1, 6, 320))  # fmt: skip
STEM = 32

"""Weights on the grid of esp-ppq's configuration."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray


def rounded(weights: torch.Tensor, how: Any) -> NDArray[np.float32]:
    """Return weights rounded to the nearest step, of which there is one per tensor or per channel."""
    scale = how.scale.detach().cpu().reshape(-1)
    if len(scale) > 1:
        scale = scale.reshape([-1 if axis == how.channel_axis else 1 for axis in range(weights.ndim)])
    codes = torch.clamp(torch.round(weights.detach().cpu() / scale), how.quant_min, how.quant_max)
    return np.asarray((codes * scale).numpy(), np.float32)

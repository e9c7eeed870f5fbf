"""Weights from a closed formula, as the golden outputs of the original were made with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from tests.models.test_original_parity import uniform


def closed_form_weights(shapes: Mapping[str, Sequence[int]]) -> dict[str, Tensor]:
    """Return a state dict for names and shapes; anchors are left out."""
    state = {}
    for i, name in enumerate(sorted(shapes)):
        shape = tuple(shapes[name])
        n = np.arange(int(np.prod(shape)))
        signed = 2 * uniform(n, i) - 1
        if name.endswith("anchors"):
            continue
        if name.endswith("num_batches_tracked"):
            values = 0 * signed
        elif name.endswith("running_var"):
            values = 1 + 0.3 * uniform(n, i)
        elif len(shape) == 4:
            values = signed * np.sqrt(3 / np.prod(shape[1:])) * 1.3
        elif name.endswith("weight") and name.removesuffix("weight") + "running_var" in shapes:
            values = 1 + 0.2 * signed
        else:
            values = 0.1 * signed
        state[name] = torch.from_numpy(values.astype(np.float32)).reshape(shape)
    return state

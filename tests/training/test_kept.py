"""Tensors that a step has changed are kept or given back, by a flag that nobody reads."""

from __future__ import annotations

import pytest
import torch

from uhd.training.kept import Kept


@pytest.mark.parametrize("good", [True, False])
def test_by_a_flag(good: bool) -> None:
    tensors = [torch.ones(2, 3), torch.tensor(5), torch.zeros(()), torch.arange(4.0)]
    before = [tensor.clone() for tensor in tensors]
    kept = Kept(tensors)
    kept.keep()
    for tensor in tensors:
        tensor.add_(1) if tensor.dtype == torch.int64 else tensor.fill_(float("nan") if not good else 7.0)
    after = [tensor.clone() for tensor in tensors]
    kept.settle(torch.tensor(good))
    assert all(torch.equal(a, b) for a, b in zip(tensors, after if good else before, strict=True))

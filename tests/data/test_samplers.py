"""Images of rare classes come more often, and sizes change from batch to batch, the same in every process."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from uhd.data.samplers import RepeatFactorSampler
from uhd.detect.batches import size_at
from uhd.objects import Objects


def dataset(labels: list[list[int]]) -> Any:
    rows = [Objects.of(np.tile(np.float32([0, 0, 1, 1]), (len(each), 1)), np.array(each, np.int64)) for each in labels]
    return SimpleNamespace(records=[SimpleNamespace(objects=each, image=Path("x")) for each in rows])


def test_an_image_is_wanted_as_often_as_its_rarest_class_asks() -> None:
    data = dataset([[0], [0, 0], [0, 1], [], *[[0]] * 12])
    factors = RepeatFactorSampler(0.25).factors(data)
    assert factors[[0, 1, 3]].tolist() == [1, 1, 1]
    assert factors[2] == pytest.approx(np.sqrt(0.25 / (1 / 16)))
    rng = np.random.default_rng(0)
    orders = [RepeatFactorSampler(0.25)(data, rng) for _ in range(400)]
    assert {len(order) for order in orders} == {16}
    counts = np.bincount(np.concatenate(orders), minlength=16) / 400
    assert counts[2] / counts[[0, 1, 3]].mean() == pytest.approx(2, rel=0.15)
    assert sorted(RepeatFactorSampler(0.01)(data, rng).tolist()) == list(range(16))


def test_sizes_are_multiples_of_the_stride_and_known_beforehand() -> None:
    choose = size_at((64, 48), 8, 0.5, 7)
    assert choose is not None
    sizes = [choose(2, batch) for batch in range(60)]
    assert sizes == [choose(2, batch) for batch in range(60)]
    assert len(set(sizes)) > 4
    assert all(h % 8 == w % 8 == 0 and 32 <= h <= 96 and 24 <= w <= 72 for h, w in sizes)
    assert size_at((64, 64), 8, 0.0, 7) is None

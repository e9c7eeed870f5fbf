"""Parts are alike in all classes of an image, not in that of its first line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from uhd.data.records import Record
from uhd.data.stratify import stratify
from uhd.objects import Objects

BOX = np.array([[0.1, 0.1, 0.3, 0.5]], np.float32)


@pytest.mark.parametrize("seed", range(3))
def test_a_rare_class_behind_a_common_one_is_spread(seed: int) -> None:
    labels = [[0, 1] if i % 10 == 0 else [0, 0] for i in range(100)]
    records = [
        Record(Path(f"{i:03d}.jpg"), Objects.of(BOX.repeat(2, 0), np.array(each))) for i, each in enumerate(labels)
    ]
    parts = stratify(records, {"train": 0.8, "val": 0.2}, seed, 64)
    rare = {part: sum(1 in record.labels for record in found) for part, found in parts.items()}
    assert rare == {"train": 8, "val": 2}
    assert [len(found) for found in parts.values()] == [80, 20]

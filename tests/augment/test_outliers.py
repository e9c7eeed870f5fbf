from __future__ import annotations

import numpy as np

from uhd.augment.outliers import RemoveOutliers
from uhd.augment.pipeline import Pipeline
from uhd.sample import Sample

SAMPLE = Sample(
    np.zeros((64, 64, 3), np.uint8),
    np.array([[0.0, 0.0, 0.5, 0.5], [0.1, 0.1, 0.11, 0.11]], np.float32),
    np.array([4, 5]),
    np.array([[0.9, 0.9, 1.0, 1.0]], np.float32),
)


def test_tiny_boxes_become_ignore_regions() -> None:
    result = RemoveOutliers((3 / 64) ** 2)(SAMPLE)
    assert result.labels.tolist() == [4]
    assert np.array_equal(result.boxes, SAMPLE.boxes[:1])
    assert np.array_equal(result.ignore, np.concatenate([SAMPLE.ignore, SAMPLE.boxes[1:]]))


def test_without_tiny_boxes_nothing_changes() -> None:
    assert RemoveOutliers(1e-6)(SAMPLE) is SAMPLE
    empty = Sample(SAMPLE.image)
    assert RemoveOutliers(1.0)(empty) is empty


def test_the_area_counts_where_the_operation_is_listed() -> None:
    smallest = {"RemoveOutliers": 1e-4 * 2}
    scale = {"RandomScale": {"prob": 1.0, "scale_range": [2.0, 2.0]}}
    sample = Sample(SAMPLE.image, np.array([[0.45, 0.45, 0.46, 0.46]], np.float32), np.array([0]))
    # 1e-4 of the photograph, 4e-4 of what is shown.
    for steps, count in ((scale | smallest, 1), (smallest | scale, 0)):
        result = Pipeline.load(steps)(sample, np.random.default_rng(0), (64, 64), "torch_nearest", lambda rng: sample)
        assert len(result.boxes) == count
        assert len(result.ignore) == 1 - count

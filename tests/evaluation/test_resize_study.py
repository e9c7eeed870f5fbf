"""Differences, disagreeing sizes and the matrix, on images whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from uhd.evaluation.resize_study import differences, disagreeing_sizes, resizers, timings


def test_ways_agree_on_a_constant_image() -> None:
    image = np.full((90, 120, 3), 77, np.uint8)
    found = differences([image], (16, 16))
    assert len(found) == len(resizers()) * (len(resizers()) - 1) // 2
    assert all(row.largest == 0 and row.changed == 0 for row in found)


def test_point_sampling_of_stripes_differs_from_their_mean() -> None:
    image = np.zeros((64, 64, 3), np.uint8)
    image[:, ::2] = 200
    found = {frozenset((row.first, row.second)): row for row in differences([image], (32, 32))}
    row = found[frozenset(("opencv_inter_nearest", "opencv area"))]
    # Every second column is read, or every pair averaged.
    assert row.mean == pytest.approx(100)
    assert row.largest == 100
    assert row.changed == 1


def test_sources_that_are_multiples_of_the_output_agree_in_torch_and_opencv() -> None:
    assert disagreeing_sizes(64, (128, 640, 1280))["torch_nearest"] == []


def test_the_onnx_operator_reads_other_pixels_where_the_ratio_is_not_exact() -> None:
    pytest.importorskip("onnx")
    found = disagreeing_sizes(64, (240, 480, 640, 960))
    assert found["onnx nearest (floor)"] == [240, 480, 960]


def test_timings_name_all_three() -> None:
    assert set(timings((64, 64), runs=3)) == {"nearest", "linear", "area"}

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.augment.conftest import photograph
from uhd.augment.cutout import CoarseDropout, Cutout, covered_share, pixels
from uhd.sample import Sample


def test_rectangles_are_painted_and_nothing_else_changes() -> None:
    sample = photograph(64, 64, 0)
    for seed in range(20):
        result = CoarseDropout(1.0, holes=(2, 4), fill=(1, 2, 3))(sample, np.random.default_rng(seed))
        painted = (result.image == (1, 2, 3)).all(-1)
        assert np.array_equal(result.image[~painted], sample.image[~painted])
        assert 0.0025 < painted.mean() < 4 * 0.2**2


def test_cutout_is_one_rectangle() -> None:
    for seed in range(20):
        result = Cutout(1.0, fill=(1, 2, 3))(photograph(64, 96, 0), np.random.default_rng(seed))
        rows, columns = np.nonzero((result.image == (1, 2, 3)).all(-1))
        height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
        assert len(rows) == height * width
        assert 13 <= height <= 26
        assert 19 <= width <= 38


def test_a_person_that_is_painted_over_becomes_an_ignore_region() -> None:
    boxes = np.array([[0.0, 0.0, 0.5, 1.0], [0.0, 0.0, 1.0, 1.0], [0.75, 0.0, 1.0, 1.0]], np.float32)
    sample = Sample(np.zeros((40, 40, 3), np.uint8), boxes, np.array([4, 5, 6]), boxes[:0])
    # A rectangle as high as the image and half as wide, somewhere.
    hide = CoarseDropout(1.0, (1, 1), (1.0, 1.0), (20.0, 20.0), min_visibility=0.4)
    for seed in range(20):
        result = hide(sample, np.random.default_rng(seed))
        hole = (result.image == 114).all(-1)[0]
        left = {
            label: 1 - hole[int(b[0] * 40) : int(b[2] * 40)].mean() for label, b in zip((4, 5, 6), boxes, strict=True)
        }
        assert result.labels.tolist() == [label for label in (4, 5, 6) if left[label] >= 0.4]
        assert len(result.ignore) == 3 - len(result.labels)


def test_rectangles_count_together() -> None:
    mask = np.zeros((10, 10), np.uint8)
    mask[:, :4] = mask[:, 3:6] = 1
    box = np.array([[0.0, 0.0, 1.0, 1.0], [0.55, 0.5, 0.65, 0.6], [0.9, 0.9, 1.0, 1.0]], np.float32)
    assert np.allclose(covered_share(mask, box), [0.6, 0.5, 0.0], atol=1e-6)
    assert covered_share(mask, box[:0]).shape == (0,)


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 1000))
def test_shares_are_exact(h: int, w: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    mask = rng.integers(0, 2, (h, w)).astype(np.uint8)
    corners = np.sort(rng.integers(0, 33, (5, 2, 2)) / 32, axis=1).reshape(-1, 4).astype(np.float32)
    boxes = corners[(corners[:, 2:] > corners[:, :2]).all(1)]
    fine = np.kron(mask, np.ones((32, 32)))  # every box edge falls on this grid
    expected = []
    for x0, y0, x1, y1 in (boxes * (w * 32, h * 32, w * 32, h * 32)).astype(int):
        expected.append(fine[y0:y1, x0:x1].mean())
    assert np.allclose(covered_share(mask, boxes), expected, atol=1e-5)


def test_lengths_are_shares_up_to_one_and_pixels_above() -> None:
    assert [pixels(value, 40) for value in (0.0, 0.1, 1.0, 1.5, 7.0, 90.0)] == [1, 4, 40, 2, 7, 40]

"""CenterNet decoding equals the original's and a decoder written with loops, and finds the boxes it was made from."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uhd.heads.centernet import decode_centernet, local_maximum

GOLDEN = json.loads((Path(__file__).parent.parent / "golden" / "centernet.json").read_text())


def hashed(shape: tuple[int, ...], index: int, scale: float) -> np.ndarray:
    """The golden inputs' own generator, see tests/losses/conftest.py."""
    x = (np.arange(np.prod(shape), dtype=np.uint64) + 1) * 2654435761 + (index + 1) * 2654404609
    x = (x % 2**32).astype(np.uint32)
    x ^= x >> 16
    x *= np.uint32(0x85EBCA6B)
    x ^= x >> 13
    x *= np.uint32(0xC2B2AE35)
    x ^= x >> 16
    return ((2 * (x / 2**32) - 1) * scale).astype(np.float32).reshape(shape)


def by_loops(heat: np.ndarray, off: np.ndarray, wh: np.ndarray, topk: int) -> list[tuple[float, int, np.ndarray]]:
    """Peaks of one image, best first."""
    classes, h, w = heat.shape
    found = []
    for c in range(classes):
        for y in range(h):
            for x in range(w):
                around = heat[c, max(0, y - 1) : y + 2, max(0, x - 1) : x + 2]
                if heat[c, y, x] > 0 and heat[c, y, x] >= around.max():
                    cx, cy = (x + off[0, y, x]) / w, (y + off[1, y, x]) / h
                    bw, bh = wh[0, y, x] / w, wh[1, y, x] / h
                    box = np.array([cx - bw / 2, cy - bh / 2, cx + bw / 2, cy + bh / 2])
                    found.append((float(heat[c, y, x]), c, box))
    return sorted(found, key=lambda entry: -entry[0])[:topk]


def test_equals_the_original_without_peaks() -> None:
    heat = 1 / (1 + np.exp(-hashed((2, 3, 4, 4), 110, 3.0)))
    result = decode_centernet(heat, hashed((2, 2, 4, 4), 111, 1.0), hashed((2, 2, 4, 4), 112, 2.0), 50, peaks=False)
    for (boxes, scores), rows in zip(result, GOLDEN["decode"], strict=True):
        confident = scores.max(1) >= 0.3
        wanted = np.array(rows)
        corners = np.c_[wanted[:, 2:4] - wanted[:, 4:] / 2, wanted[:, 2:4] + wanted[:, 4:] / 2]
        np.testing.assert_allclose(boxes[confident], corners, atol=1e-4)
        np.testing.assert_allclose(scores[confident].max(1), wanted[:, 0], atol=1e-6)
        assert scores[confident].argmax(1).tolist() == wanted[:, 1].tolist()


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.tuples(st.integers(1, 2), st.integers(1, 3), st.integers(1, 7), st.integers(1, 7)),
    st.integers(1, 60),
)
def test_equals_loops(seed: int, shape: tuple[int, int, int, int], topk: int) -> None:
    rng = np.random.default_rng(seed)
    b, _, h, w = shape
    heat = rng.permutation(int(np.prod(shape))).reshape(shape).astype(np.float32) / 200  # no two are equal
    off, wh = rng.random((b, 2, h, w), np.float32), rng.uniform(0, 5, (b, 2, h, w)).astype(np.float32)
    for image, (boxes, scores) in enumerate(decode_centernet(heat, off, wh, topk)):
        wanted = by_loops(heat[image], off[image], wh[image], topk)
        assert boxes.dtype == scores.dtype == np.float32
        assert [float(s) for s in scores.max(1)] == [score for score, _, _ in wanted]
        assert scores.argmax(1).tolist() == [c for _, c, _ in wanted]
        assert (scores > 0).sum() == len(wanted)
        np.testing.assert_allclose(boxes, np.array([box for _, _, box in wanted]).reshape(-1, 4), atol=1e-5)


@given(st.lists(st.floats(0, 1, width=32), min_size=12, max_size=12))
@settings(max_examples=50, deadline=None)
def test_the_largest_around_a_cell(values: list[float]) -> None:
    heat = np.array(values, np.float32).reshape(1, 3, 4)
    for y in range(3):
        for x in range(4):
            around = heat[0, max(0, y - 1) : y + 2, max(0, x - 1) : x + 2]
            assert local_maximum(heat)[0, y, x] == around.max()


def test_a_plain_map_has_no_people() -> None:
    maps = np.zeros((2, 2, 4, 4), np.float32)
    for boxes, scores in decode_centernet(np.zeros((2, 3, 4, 4), np.float32), maps, maps):
        assert boxes.shape == (0, 4)
        assert scores.shape == (0, 3)


def test_one_cell_holds_people_of_two_classes() -> None:
    heat = np.zeros((1, 2, 4, 4), np.float32)
    heat[0, :, 1, 2] = 0.9, 0.6
    off, wh = np.full((1, 2, 4, 4), 0.5, np.float32), np.full((1, 2, 4, 4), 2, np.float32)
    [(boxes, scores)] = decode_centernet(heat, off, wh)
    np.testing.assert_allclose(scores, [[0.9, 0], [0, 0.6]])
    np.testing.assert_allclose(boxes, [[0.375, 0.125, 0.875, 0.625]] * 2)


@pytest.mark.parametrize("topk", [1, 3, 1000])
def test_topk_keeps_the_best(topk: int) -> None:
    rng = np.random.default_rng(0)
    heat = rng.random((1, 1, 9, 9), np.float32)
    maps = rng.random((1, 2, 9, 9), np.float32)
    every = decode_centernet(heat, maps, maps, 1000)[0][1]
    some = decode_centernet(heat, maps, maps, topk)[0][1]
    np.testing.assert_array_equal(some, every[:topk])

"""The second image shows what the sample shows, at its own size; the sample does not change because of it."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from tests.augment.conftest import extent, painted, photograph
from uhd.augment.layout import OPERATIONS
from uhd.augment.pipeline import Pipeline
from uhd.sample import Sample, SecondImage

MODE = "opencv_inter_nearest"
SURE = {"RemoveOutliers": 0.001, "MotionBlur": {"prob": 1.0, "blur_limit": [3, 5]}}


def partner(rng: np.random.Generator) -> Sample:
    return photograph(seed=int(rng.integers(100)))


def both(table, size, mode, seed=0, source=None, draw=partner):
    pipeline, rng = Pipeline.load(table), np.random.default_rng(seed)
    source = source or photograph(200, 160)
    second = SecondImage(np.empty((*size, 3), np.uint8), mode)
    alone_rng = copy.deepcopy(rng)
    sample = pipeline(source, rng, (64, 64), MODE, draw, second)
    alone = pipeline(source, alone_rng, (64, 64), MODE, draw)
    for name in ("image", "boxes", "labels", "ignore"):
        assert np.array_equal(getattr(sample, name), getattr(alone, name)), name
    assert rng.random() == alone_rng.random()
    return sample, second.image


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("seed", range(3))
def test_at_the_same_size_it_is_the_same_image(name, seed):
    sample, second = both({"RandomWindow": {}, name: SURE.get(name, 1.0)}, (64, 64), MODE, seed)
    assert np.array_equal(sample.image, second)


@pytest.mark.parametrize("name", OPERATIONS)
def test_geometry_after_colour_shows_the_same_in_both(name):
    steps = [{"ToGray": 1.0}, {"RandomWindow": {}}, {name: SURE.get(name, 1.0)}, {"HorizontalFlip": 1.0}]
    sample, second = both(steps, (64, 64), MODE, 2)
    assert np.array_equal(sample.image, second)


def test_geometry_after_colour_at_another_size():
    source = painted(150, 110, (40, 30, 90, 120))
    steps = [{"RandomHSV": 0.0}, {"RandomCrop": 0.5}, {"VerticalFlip": 0.5}]
    for seed in range(8):
        sample, second = both(steps, (96, 160), MODE, seed, source)
        small, sharp = extent(sample.image), extent(second)
        assert (np.abs(small - sharp) * 64 <= 2.01).all()


@pytest.mark.parametrize(
    "name", ["Mosaic", "HorizontalFlip", "VerticalFlip", "RandomWindow", "CopyPaste", "RandomCrop"]
)
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("size", [(128, 128), (96, 160), (32, 32)])
def test_at_another_size_people_stand_in_the_same_place(name, seed, size):
    def empty(rng: np.random.Generator) -> Sample:
        return painted(150, 110, (40, 30, 90, 120) if name == "CopyPaste" else None)

    source = painted(150, 110, None if name == "CopyPaste" else (40, 30, 90, 120))
    sample, second = both({name: 1.0}, size, MODE, seed, source, empty)
    small, sharp = extent(sample.image), extent(second)
    assert (small is None) == (sharp is None)
    if small is not None:
        h, w = min(size[0], 64), min(size[1], 64)
        assert (np.abs(small - sharp) * (w, h, w, h) <= 2.01).all()


def test_a_sharper_image_holds_every_pixel_of_the_sample():
    sample, second = both({"HorizontalFlip": 0.0}, (128, 128), MODE)
    assert np.array_equal(second[::2, ::2], sample.image)
    assert not np.array_equal(second[1::2, 1::2], sample.image)


def test_colour_changes_alike_in_both():
    sample, second = both({"RandomHSV": {"prob": 1.0}, "RandomPhotometricDistort": {"prob": 1.0}}, (128, 128), MODE, 3)
    difference = np.abs(second[::2, ::2].astype(int) - sample.image)
    assert difference.mean() < 1.5  # the contrast's mean differs by what the further pixels show


def test_it_is_read_in_its_own_mode():
    _, smooth = both({"RandomHSV": 0.0}, (64, 64), "torch_bilinear")
    sample, _ = both({"RandomHSV": 0.0}, (64, 64), MODE)
    assert not np.array_equal(smooth, sample.image)

"""Validation images seen whole, or through an augmentation that is the same every time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uhd.augment.pipeline import Pipeline
from uhd.data.records import Record
from uhd.evaluation.views import PICTURE_SIDE, Views
from uhd.objects import Objects
from uhd.resize import resize_image
from uhd.sample import Sample

SIZE, MODE = (24, 32), "opencv_inter_nearest"
PACKAGED = ["uhd/aug_val_s.yaml", "uhd/aug_val_l.yaml"]


class Photographs:
    """Stands in for a data set: one painted rectangle on each image of its own shape."""

    def __init__(self, shapes: list[tuple[int, int]], names: list[str] | None = None) -> None:
        self.records, self.images = [], []
        for i, (height, width) in enumerate(shapes):
            rng = np.random.default_rng(i)
            image = np.full((height, width, 3), 20, np.uint8)
            x0, y0 = int(rng.integers(width)), int(rng.integers(height))
            x1, y1 = int(rng.integers(x0, width)) + 1, int(rng.integers(y0, height)) + 1
            image[y0:y1, x0:x1] = 240
            box = np.array([[x0 / width, y0 / height, x1 / width, y1 / height]], np.float32)
            name = Path(names[i] if names else f"{i}.png")
            self.records.append(Record(name, Objects.of(box)))
            self.images.append(image)

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, i: int) -> Sample:
        record = self.records[i]
        return Sample(self.images[i], objects=record.objects, name=str(record.image))

    def network_sample(self, i: int, size: tuple[int, int], mode: str) -> Sample:
        record = self.records[i]
        return Sample(resize_image(self.images[i], size, mode), objects=record.objects)

    def network_images(self, size: tuple[int, int], mode: str) -> np.ndarray:
        return np.stack([resize_image(image, size, mode) for image in self.images])


def views(dataset: Photographs, source: str | dict | None) -> Views:
    return Views(dataset, SIZE, MODE, None if source is None else Pipeline.load(source))  # type: ignore[arg-type]


def test_without_augmentation_the_images_are_resized_whole() -> None:
    dataset = Photographs([(30, 50), (60, 40)])
    images, truths = views(dataset, None).read()
    assert np.array_equal(images, dataset.network_images(SIZE, MODE))
    for truth, record in zip(truths, dataset.records, strict=True):
        assert np.array_equal(truth.boxes, record.boxes)
    image, sample = views(dataset, None).show(1)
    assert np.array_equal(image, images[1])
    assert sample.image is dataset.images[1]


def test_the_centred_square_is_read_exactly_as_deployment_reads_that_square() -> None:
    dataset = Photographs([(30, 50), (61, 40), (33, 33)])
    images, truths = views(dataset, PACKAGED[0]).read()
    for i, source in enumerate(dataset.images):
        height, width = source.shape[:2]
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        assert np.array_equal(images[i], resize_image(source[top : top + side, left : left + side], SIZE, MODE))
        pixels = dataset.records[i].boxes[0] * np.array([width, height] * 2)
        expected = np.clip((pixels - np.array([left, top] * 2)) / side, 0, 1)
        kept = truths[i].boxes
        assert len(kept) == (expected[2] > expected[0] and expected[3] > expected[1])
        if len(kept):
            np.testing.assert_allclose(kept[0], expected, atol=1e-6)


@pytest.mark.parametrize("source", [*PACKAGED, {"Mosaic": 1.0, "RandomWindow": {}, "RandomHSV": 1.0}])
@settings(max_examples=10, deadline=None)
@given(shapes=st.lists(st.tuples(st.integers(1, 200), st.integers(1, 200)), min_size=1, max_size=4))
def test_the_same_every_time_and_sound(source: str | dict, shapes: list[tuple[int, int]]) -> None:
    first, again = (views(Photographs(shapes), source).read() for _ in range(2))
    assert np.array_equal(first[0], again[0])
    for a, b in zip(first[1], again[1], strict=True):
        for name in ("boxes", "labels", "ignored"):
            assert np.array_equal(getattr(a, name), getattr(b, name))
        assert ((a.boxes >= 0) & (a.boxes <= 1)).all()


def test_an_image_looks_the_same_whichever_others_are_measured_with_it() -> None:
    shapes = [(40, 90), (90, 40), (40, 90), (80, 37)]
    whole = views(Photographs(shapes, list("abcd")), PACKAGED[1]).read()[0]
    assert np.array_equal(views(Photographs(shapes[:3], list("abc")), PACKAGED[1]).read()[0], whole[:3])
    moved = views(Photographs(shapes, ["elsewhere/a", "x/b", "c", "d"]), PACKAGED[1]).read()[0]
    assert np.array_equal(moved, whole)
    other = views(Photographs(shapes, list("efgh")), PACKAGED[1]).read()[0]
    assert not np.array_equal(other, whole)


def test_random_squares_are_not_all_in_the_centre() -> None:
    shapes = [(40, 120)] * 12
    centred, anywhere = (views(Photographs(shapes), source).read()[0] for source in PACKAGED)
    assert sum(not np.array_equal(a, b) for a, b in zip(centred, anywhere, strict=True)) > 6


def test_the_picture_shows_what_the_network_sees() -> None:
    dataset = Photographs([(61, 47), (50, 90)])
    for i in range(2):
        small, sample = views(dataset, PACKAGED[1]).show(i)
        truth = views(dataset, PACKAGED[1]).read()[1][i]
        assert max(sample.image.shape[:2]) == PICTURE_SIDE
        assert np.array_equal(sample.boxes, truth.boxes)
        # Both read the same window: the large picture, made small again, is the small one but for the pixels at edges.
        reduced = resize_image(sample.image, SIZE, MODE)
        assert (np.abs(reduced.astype(int) - small) > 60).mean() < 0.25

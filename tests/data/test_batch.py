from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uhd.data.batch import collate
from uhd.objects import Objects
from uhd.sample import Sample


def sample(boxes: int, ignore: int, value: int = 1) -> Sample:
    rng = np.random.default_rng(boxes * 10 + ignore)
    return Sample(
        np.full((4, 6, 3), value, np.uint8),
        rng.random((boxes, 4), np.float32),
        np.arange(boxes, dtype=np.int64),
        rng.random((ignore, 4), np.float32),
        f"{boxes}-{ignore}",
    )


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), min_size=1, max_size=9))
def test_padding_behind_every_image_s_own(counts: list[tuple[int, int]]) -> None:
    samples = [sample(*pair) for pair in counts]
    batch = collate(samples)
    most = max(1, *(boxes for boxes, _ in counts), 1)
    assert batch.boxes.shape == (len(counts), most, 4)
    assert batch.labels.shape == (len(counts), most)
    assert len(batch) == len(counts)
    assert batch.ignore.shape[1] >= 1
    assert (batch.boxes.dtype, batch.labels.dtype, batch.images.dtype) == (np.float32, np.int64, np.uint8)
    for i, one in enumerate(samples):
        own = len(one.boxes)
        np.testing.assert_array_equal(batch.boxes[i, :own], one.boxes)
        np.testing.assert_array_equal(batch.labels[i, :own], one.labels)
        np.testing.assert_array_equal(batch.ignore[i, : len(one.ignore)], one.ignore)
        assert not batch.boxes[i, own:].any()
        assert (batch.labels[i, own:] == -1).all()
        assert not batch.ignore[i, len(one.ignore) :].any()
        assert batch.names[i] == one.name


def test_images_are_copied_in_order() -> None:
    batch = collate([sample(0, 0, 3), sample(0, 0, 7)])
    assert batch.images[:, 0, 0, 0].tolist() == [3, 7]
    batch.images[0] = 0  # writable


def test_different_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        collate([sample(0, 0), Sample(np.zeros((5, 6, 3), np.uint8))])


def test_what_some_samples_know_is_padded_for_all() -> None:
    image, box = np.zeros((5, 6, 3), np.uint8), np.array([[0.1, 0.1, 0.5, 0.5]], np.float32)
    known = Objects(
        box, np.zeros(1, np.int64), np.zeros(1, bool), np.ones((1, 2, 3), np.float32),
        ((np.zeros((3, 2), np.float32),),), (("a child",),),
    )  # fmt: skip
    batch = collate([Sample(image, np.repeat(box, 2, 0), np.zeros(2, np.int64)), Sample(image, objects=known)])
    assert batch.keypoints is not None
    assert batch.keypoints.shape == (2, 2, 2, 3)
    assert batch.keypoints[0].sum() == batch.keypoints[1, 1].sum() == 0
    assert (batch.keypoints[1, 0] == 1).all()
    assert batch.texts == (((), ()), (("a child",),))
    assert batch.masks is not None
    assert [len(part) for part in batch.masks] == [2, 1]
    assert collate([Sample(image)]).keypoints is None

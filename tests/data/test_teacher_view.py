"""Batches that carry the teacher's images are otherwise the batches without, whatever the workers."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from uhd.augment.pipeline import Pipeline
from uhd.data.config import DataConfig
from uhd.data.dataset import Dataset
from uhd.data.loader import Loader
from uhd.data.open import open_data, read_dataset

SIZE, VIEW = (32, 32), ((64, 48), "opencv_inter_nearest")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory, picture) -> Dataset:
    folder = tmp_path_factory.mktemp("second")
    for i in range(14):
        cv2.imwrite(str(folder / f"p{i:02d}.png"), picture(90 + i, 100, i))
        (folder / f"p{i:02d}.txt").write_text("0 .5 .5 .4 .6\n")
    config = DataConfig(image_dir=folder, img_size=SIZE)
    opened = open_data(config)
    return read_dataset(opened.train + opened.val, config, opened.report, False)


def batches(dataset, workers=0, view=VIEW, transform=True):
    pipeline = Pipeline.load(None) if transform else None
    loader = Loader(dataset, pipeline, SIZE, "opencv_inter_nearest", 4, 7, workers, teacher_view=view)
    try:
        return list(loader.epoch(1))
    finally:
        loader.close()


def test_workers_make_the_same_teacher_images(dataset):
    for a, b in zip(batches(dataset), batches(dataset, 2), strict=True):
        assert a.teacher_images is not None
        assert a.teacher_images.shape == (4, 64, 48, 3)
        assert np.array_equal(a.teacher_images, b.teacher_images)
        assert np.array_equal(a.images, b.images)


def test_without_a_teacher_the_batch_is_as_ever(dataset):
    for a, b in zip(batches(dataset), batches(dataset, view=None), strict=True):
        assert b.teacher_images is None
        for name in ("images", "boxes", "labels", "ignore"):
            assert np.array_equal(getattr(a, name), getattr(b, name)), name


def test_without_augmentation_the_teacher_reads_the_whole_photograph(dataset):
    batch = batches(dataset, view=((64, 64), "opencv_inter_nearest"), transform=False)[0]
    assert np.array_equal(batch.teacher_images[:, ::2, ::2], batch.images)

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from uhd.data.config import DataConfig
from uhd.data.dataset import Dataset
from uhd.data.open import open_data, read_dataset
from uhd.data.problems import Report
from uhd.read import read_image
from uhd.resize import resize_image


def test_unreadable_images_are_left_out_and_labels_stay_with_theirs(tmp_path: Path, make_folder) -> None:
    make_folder(tmp_path, 8)
    (tmp_path / "p003.png").write_bytes(b"")
    config = DataConfig(image_dir=tmp_path)
    opened = open_data(config)
    records = sorted([*opened.train, *opened.val], key=lambda record: record.image)
    report = Report()
    dataset = read_dataset(records, config, report, progress=False)
    assert len(dataset) == 7
    assert report.total == 1
    for i, record in enumerate(dataset.records):
        sample = dataset[i]
        assert sample.name == str(record.image)
        np.testing.assert_array_equal(sample.image, read_image(record.image))
        assert len(sample.boxes) == int(record.image.stem[1:]) % 3
        assert dataset.original_sizes[i].tolist() == list(sample.image.shape[:2])
    images = dataset.network_images((32, 48), config.resize_mode)
    assert images.shape == (7, 32, 48, 3)
    np.testing.assert_array_equal(images[4], resize_image(dataset[4].image, (32, 48), config.resize_mode))
    np.testing.assert_array_equal(dataset.network_sample(4, (32, 48), config.resize_mode).image, images[4])
    assert dataset.label_sizes().shape == (sum(len(record.boxes) for record in dataset.records), 2)


def test_records_and_images_must_match(tmp_path: Path, make_folder) -> None:
    make_folder(tmp_path)
    config = DataConfig(image_dir=tmp_path)
    opened = open_data(config)
    images = read_dataset(opened.train, config, opened.report, progress=False)._images
    with pytest.raises(ValueError, match="records"):
        Dataset(opened.val, images)

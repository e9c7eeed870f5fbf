from __future__ import annotations

import numpy as np
import pytest

from uhd.card import ModelSpec
from uhd.resize import resize_image, to_network

from .conftest import FixedPredictor


def photo(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_boxes_are_in_pixels_of_each_image_and_clipped(predictor: FixedPredictor) -> None:
    wide, tall = predictor.predict([photo(100, 200), photo(400, 100)], 0.3)
    assert wide.image_size == (100, 200)
    assert wide.xyxy[0].tolist() == pytest.approx([50, 37.5, 150, 62.5])
    assert wide.xyxy[-1].tolist() == pytest.approx([160, 5, 200, 15], abs=1e-4)  # reached 220
    assert tall.xyxy[0].tolist() == pytest.approx([25, 150, 75, 250])
    assert wide.scores.tolist() == pytest.approx([0.9, 0.4])  # the second box duplicates the first


def test_thresholds_default_to_the_models_and_zero_keeps_duplicates(predictor: FixedPredictor) -> None:
    image = photo(10, 10)
    assert len(predictor.predict([image])[0]) == 1
    assert len(predictor.predict([image], conf_thresh=0.0)[0]) == 2
    assert len(predictor.predict([image], conf_thresh=0.0, nms_iou=0)[0]) == 3
    assert len(predictor.predict([image], conf_thresh=0.95)[0]) == 0


def test_the_network_sees_what_training_saw(predictor: FixedPredictor) -> None:
    images = [photo(64, 64, 1), photo(91, 33, 2)]
    predictor.predict(images)
    size, mode = predictor.spec.input_size, predictor.spec.resize_mode
    expected = np.concatenate([to_network(resize_image(image, size, mode)[None], mode) for image in images])
    assert predictor.fed[0].shape == (2, 3, 32, 48)
    assert np.array_equal(predictor.fed[0], expected)
    assert np.array_equal(predictor.preprocess(images[:1]), expected[:1])


def test_a_box_that_lies_outside_the_image_is_dropped() -> None:
    boxes = np.array([[1.1, 0, 1.4, 1], [-0.5, -0.5, 0.5, 0.5]], np.float32)
    predictor = FixedPredictor(boxes, np.array([[0.9], [0.8]], np.float32), ModelSpec())
    found = predictor.predict([photo(10, 20)])[0]
    assert found.xyxy.tolist() == [[0, 0, 10, 5]]


def test_no_images_no_run(predictor: FixedPredictor) -> None:
    assert predictor.predict([]) == []
    assert predictor.fed == []

"""Detectors in several threads, in pickles and in forked processes."""

from __future__ import annotations

import multiprocessing
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import uhd
from uhd.runtime.detector import Detector

IMAGES = [np.random.default_rng(i).integers(0, 256, (64, 64, 3), np.uint8) for i in range(8)]


def scores(detector: Detector, index: int) -> list[float]:
    return [round(float(score), 4) for score in detector(IMAGES[index], 0.02).scores]


@pytest.fixture(params=["onnx", "torch"])
def detector(request: pytest.FixtureRequest) -> Detector:
    if request.param == "onnx":
        return uhd.load(threads=2)
    pytest.importorskip("torch")
    from uhd.model_file import model_file

    return uhd.load(model_file("small", (".safetensors",)))


def test_threads(detector: Detector) -> None:
    expected = [scores(detector, i) for i in range(8)]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(3):
            assert list(pool.map(lambda i: scores(detector, i), range(8))) == expected


def test_pickle(detector: Detector) -> None:
    again = pickle.loads(pickle.dumps(detector))
    assert scores(again, 0) == scores(detector, 0)
    assert again.spec == detector.spec


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork on this platform")
def test_fork(detector: Detector) -> None:
    expected = scores(detector, 0)
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()
    worker = context.Process(target=lambda: answers.put(scores(detector, 0)))
    worker.start()
    worker.join(60)
    hangs = worker.is_alive()
    worker.kill()
    assert not hangs
    assert answers.get() == expected

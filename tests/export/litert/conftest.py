"""Converted once, used by many tests: conversion takes seconds."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.export.conftest import class_names, make_family
from uhd.card import ModelSpec
from uhd.models.network import DetectorNetwork

SIZE = (32, 48)


@pytest.fixture(scope="session")
def network() -> DetectorNetwork:
    return make_family("utod_classes")


@pytest.fixture(scope="session")
def spec(network: DetectorNetwork) -> ModelSpec:
    return ModelSpec(input_size=SIZE, class_names=class_names(network), licence="MIT", conf_thresh=0.25)


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photographs")
    rng = np.random.default_rng(0)
    for i in range(6):
        coarse = rng.integers(0, 256, (6, 8, 3), np.uint8)
        cv2.imwrite(str(folder / f"{i}.png"), cv2.resize(coarse, (96, 64), interpolation=cv2.INTER_CUBIC))
    return folder

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from uhd.anchors import ALGORITHMS, auto_anchors
from uhd.errors import UserError
from uhd.evaluation.anchor_plot import plot_anchors

SIZES = np.random.default_rng(0).uniform(0.02, 0.9, (300, 2)).astype(np.float32)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_writes_a_picture(algorithm: str, tmp_path: Path, without_pyplot: None) -> None:
    pytest.importorskip("matplotlib")
    path = plot_anchors(SIZES, auto_anchors(SIZES, 8, algorithm), tmp_path / "new" / "a.png")
    image = cv2.imread(str(path))
    assert image is not None
    assert image.std() > 5


def test_no_boxes_and_too_many(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    for count in (0, 1, 25_000):
        sizes = np.resize(SIZES, (count, 2))
        assert plot_anchors(sizes, SIZES[:3], tmp_path / f"{count}.png").stat().st_size > 1000


def test_mistakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    with pytest.raises(UserError, match="format"):
        plot_anchors(SIZES, SIZES[:3], tmp_path / "a.txt")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(UserError, match="pip install"):
        plot_anchors(SIZES, SIZES[:3], tmp_path / "a.png")

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import pytest

from uhd.errors import UserError
from uhd.evaluation.curves import plot_curves
from uhd.evaluation.evaluate import evaluate

from .conftest import Scene


def test_writes_a_picture(scene: Scene, tmp_path: Path, without_pyplot: None) -> None:
    pytest.importorskip("matplotlib")
    path = plot_curves(evaluate(*scene), tmp_path / "plots")
    image = cv2.imread(str(path))
    assert image is not None
    assert image.std() > 5
    plot_curves(evaluate([], []), tmp_path / "plots")


def test_says_what_to_install(scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(UserError, match="pip install"):
        plot_curves(evaluate(*scene), tmp_path)

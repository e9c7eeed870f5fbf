from __future__ import annotations

from itertools import pairwise

import numpy as np

from tests.augment.conftest import photograph
from uhd.augment.soften import Soften
from uhd.augment.view import View


def test_a_softened_photograph_has_less_contrast_between_neighbours() -> None:
    view = View.of(photograph(200, 200))
    sharp = view.read((32, 32), "opencv_inter_nearest").astype(int)
    roughness = [np.abs(np.diff(sharp, axis=1)).mean()]
    for side in (0.5, 1.0, 2.0):
        soft = Soften(1.0, (side, side))(view, np.random.default_rng(0)).read((32, 32), "opencv_inter_nearest")
        roughness.append(np.abs(np.diff(soft.astype(int), axis=1)).mean())
    assert all(after < before * 0.9 for before, after in pairwise(roughness))


def test_the_side_is_drawn_from_its_range() -> None:
    view, rng = View.of(photograph()), np.random.default_rng(0)
    sides = [Soften(1.0, (0.3, 1.5))(view, rng).softness for _ in range(100)]
    assert all(x == y and 0.3 <= x <= 1.5 for x, y in sides)
    assert Soften(0.0)(view, rng) is view

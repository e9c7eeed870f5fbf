from __future__ import annotations

import numpy as np

from uhd.augment.weather import RandomFog, RandomRain, RandomSunFlare

DARK = np.full((48, 80, 3), 40, np.uint8)


def test_rain_is_thin_bright_streaks() -> None:
    for seed in range(20):
        share = (RandomRain(1.0)(DARK, np.random.default_rng(seed)) > 60).all(-1).mean()
        assert 0.005 < share < 0.35
    assert (RandomRain(1.0, density=(0.0, 0.0))(DARK, np.random.default_rng(0)) == 36).all()


def test_fog_thickens_towards_the_top() -> None:
    rows = RandomFog(1.0)(DARK, np.random.default_rng(0)).mean((1, 2))
    assert (np.diff(rows) <= 0).all()
    assert rows[0] > rows[-1] + 10


def test_a_flare_shines_in_the_upper_half() -> None:
    for seed in range(20):
        light = RandomSunFlare(1.0)(DARK, np.random.default_rng(seed)).astype(int).sum(-1)
        row = np.unravel_index(int(light.argmax()), light.shape)[0]
        assert row <= 24
        assert light.max() > 200

"""The named sizes, and what happens when the width is given as well."""

from __future__ import annotations

import pytest

from uhd.errors import UserError
from uhd.models.ultratinyod.config import UltraTinyODConfig
from uhd.models.ultratinyod.variants import WIDTHS, with_variant


@pytest.mark.parametrize(("name", "width"), [("R", 16), ("Y", 24), ("Z", 32), ("S", 80), ("L", 256)])
def test_a_name_is_a_width(name: str, width: int) -> None:
    assert with_variant(UltraTinyODConfig(), name).cnn_width == width
    assert WIDTHS[name] == width


def test_no_name_changes_nothing() -> None:
    config = UltraTinyODConfig(cnn_width=20)
    assert with_variant(config, None, {"cnn_width"}) is config


def test_name_and_another_width_contradict() -> None:
    with pytest.raises(UserError, match="--cnn-width 24, not 16"):
        with_variant(UltraTinyODConfig(cnn_width=16), "Y", {"cnn_width"})
    assert with_variant(UltraTinyODConfig(cnn_width=24), "Y", {"cnn_width"}).cnn_width == 24

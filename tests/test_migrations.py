from __future__ import annotations

from dataclasses import dataclass

import pytest

from uhd import migrations
from uhd.config import knob
from uhd.migrations import settings_of


@dataclass(frozen=True)
class Toy:
    width: int = knob(8, "channels")
    depth: int = knob(2, "layers")


def test_a_setting_of_a_later_version_is_a_warning_once(capsys: pytest.CaptureFixture[str]) -> None:
    meta = {"format": 9, "toy": {"width": 4, "depht": 3}}
    for _ in range(2):
        assert settings_of(Toy, meta, "toy", "later.pt") == {"width": 4}
    assert capsys.readouterr().err == (
        "later.pt: setting 'depht' of its toy is not known here and left out (did you mean 'depth'?)\n"
    )


def test_renamed_and_removed_knobs_of_older_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(migrations.RENAMED, "toy", {"channels": (2, "width"), "speed": (3, None)})
    old = {"channels": 4, "speed": 1, "depth": 3}
    assert settings_of(Toy, {"format": 1, "toy": old}, "toy", "old.pt") == {"width": 4, "depth": 3}
    assert settings_of(Toy, {"toy": old}, "toy", "older.pt") == {"width": 4, "depth": 3}
    assert settings_of(Toy, {"format": 1}, "toy", "none.pt") == {}

from __future__ import annotations

from pathlib import Path

import pytest

from uhd.errors import UserError
from uhd.model_file import model_file


def test_names_of_the_package_are_weights_too() -> None:
    from uhd.models.weights import read_weights

    state, meta = read_weights(Path("nano"))
    assert state
    assert meta["class_names"] == ["person"]
    assert "words" in read_weights(Path("refer"))[1]


def test_a_file_is_itself_and_a_run_is_its_best(tmp_path: Path) -> None:
    assert model_file(tmp_path / "no.onnx") == tmp_path / "no.onnx"
    with pytest.raises(UserError, match="without a checkpoint"):
        model_file(tmp_path)
    for name in (
        "last_utod_0009.pt", "best_utod_0003_map_0.20000.pt", "best_utod_0012_map_0.30000.pt",
        "best_utod_0012_map_0.30000.safetensors", "best.safetensors",
    ):  # fmt: skip
        (tmp_path / name).touch()
        assert model_file(tmp_path).name == name

"""A kind of file is one file and one line: the table, a toy, and one way in for all."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch

import uhd
from tests.export.conftest import make_model
from uhd.cli import main
from uhd.config import knob
from uhd.export import targets
from uhd.export.open_model import Opened, open_model
from uhd.export.target import Say, Target, Written
from uhd.models.weights import describe, digest, read_weights, save_weights


@dataclass(frozen=True)
class ToyConfig:
    """One setting of its own."""

    shout: bool = knob(False, "in capitals")


class ToyTarget(Target):
    """Writes the names of the classes."""

    about: ClassVar[str] = "Write the names."
    suffix: ClassVar[str] = ".toy"
    config: ClassVar[type[Any]] = ToyConfig

    def write(self, opened: Opened, path: Path, config: ToyConfig, say: Say) -> Written:
        say("writing")
        text = " ".join(opened.card.class_names)
        path.write_text(text.upper() if config.shout else text)
        return Written((path,), (opened.card.licence,))


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    model = make_model()
    meta = describe(model, img_size="32x32", resize_mode="opencv_inter_nearest", class_names=["person"])
    path = tmp_path / "m.safetensors"
    save_weights(path, model.state_dict(), {**meta, "license": "MIT", "metrics": {"AP50": 0.5}})
    return path


def test_a_toy_is_one_file_and_one_line(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(targets.TARGETS, "toy", f"{__name__}:ToyTarget")
    assert main(["export", str(checkpoint), "--format=toy", "--shout", "--licence", "CC0-1.0"]) == 0
    assert checkpoint.with_suffix(".toy").read_text() == "PERSON"
    wrote = f"wrote {checkpoint.with_suffix('.toy')} (0.0 kB)"
    assert capsys.readouterr().out.splitlines() == ["writing", wrote, "CC0-1.0"]


def test_every_line_of_the_table_leads_to_a_target() -> None:
    for name in targets.TARGETS:
        target = targets.target_of(name)
        assert target.about
        assert ".safetensors" in target.reads


def test_the_formats_are_listed(checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(checkpoint), "--format"]) == 2
    assert ", ".join(targets.TARGETS) in capsys.readouterr().err


def test_a_settings_file_names_the_format_too(checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "--format", "c", str(checkpoint), "--print-config"]) == 0
    file = checkpoint.with_name("c.yaml")
    file.write_text(capsys.readouterr().out)
    assert main(["export", "--config", str(file)]) == 0
    assert checkpoint.with_suffix(".c").is_file()
    first = checkpoint.with_suffix(".c").read_text().splitlines()[0]
    assert json.loads(first[first.index("{") : first.rindex("}") + 1])["license"] == "MIT"


def test_every_target_opens_a_model_the_same_way(checkpoint: Path) -> None:
    opened = open_model(checkpoint)
    assert opened.card.version == digest(opened.needs_network("x").state_dict())
    assert (opened.card.licence, dict(opened.card.metrics)) == ("MIT", {"AP50": 0.5})
    other = open_model(checkpoint, size=(64, 32), licence="CC0-1.0", version="2", measured_on="test")
    assert (other.card.licence, other.card.version, other.card.input_size) == ("CC0-1.0", "2", (64, 32))
    assert not other.card.metrics  # measured at another size
    graph = opened.separate_outputs("C")
    assert {prop.key: prop.value for prop in graph.metadata_props}["license"] == "MIT"


def test_figures_are_of_the_weights_and_the_network_that_were_measured(checkpoint: Path, tmp_path: Path) -> None:
    weights, meta = read_weights(checkpoint)
    both = {**meta, "model": weights, "ema": {name: value * 1 for name, value in weights.items()}, "use_ema": True}
    torch.save(both, tmp_path / "run.pt")
    torch.save({**both, "use_ema": False}, tmp_path / "plain.pt")
    for name, averaged, known in (("run.pt", True, True), ("run.pt", False, False), ("plain.pt", False, True)):
        assert bool(open_model(tmp_path / name, averaged).card.metrics) == known
    own = uhd.load(checkpoint)
    assert own.spec.metrics
    assert open_model(checkpoint, changes=lambda _: {}).card.metrics
    assert not open_model(checkpoint, changes=lambda _: {"score_mode": "obj"}).card.metrics
    assert not uhd.load(checkpoint, score_mode="obj").spec.metrics


def test_onnx_is_not_written_from_onnx(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(tmp_path / "mine.onnx")]) == 2
    assert "is .onnx already; it is written from a checkpoint" in capsys.readouterr().err

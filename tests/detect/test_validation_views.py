"""``--val-aug-config``, ``--val-only``, heat maps, the anchor plot: from the command line, for every architecture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import pytest

from tests.plotless import plots
from tests.training.test_resume_exactly import photos
from uhd.cli import main, original
from uhd.training.checkpoint import newest_last

__all__ = ["photos"]
NETWORKS = {
    "ultratinyod": ["--cnn-width", "4"],
    "cnn": ["--cnn-width", "4"],
    "transformer": ["--d-model", "8", "--heads", "2", "--layers", "1"],
}


def train(photos: Path, output: Path, *more: str) -> list[str]:
    sized = ["--img-size", "48x64", "--epochs", "1", "--batch-size", "16", "--threads", "1", "--exp-name", "a"]
    return ["train", str(photos), "--output", str(output), *sized, *more]


@pytest.fixture(scope="module", params=NETWORKS)
def run(request: pytest.FixtureRequest, photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp(request.param)
    flags = ["--arch", request.param, *NETWORKS[request.param], "--val-aug-config", "uhd/aug_val_s.yaml"]
    with plots():
        assert main(train(photos, output, *flags)) == 0
    return output / "a"


def val_only(run: Path, photos: Path, *more: str) -> tuple[Path, dict[str, Any]]:
    """Measure the run's last checkpoint; returns the folder of what was written, and the report in it."""
    command = ["train", str(photos), "--ckpt", str(newest_last(run)), "--val-only", "--threads", "1"]
    assert main([*command, "--output", str(run), "--exp-name", "v", *more]) == 0
    folder = run / "v" / "val_only"
    return folder, json.loads((folder / "report.json").read_text())


def test_samples_are_drawn_as_the_model_sees_them(run: Path) -> None:
    pictures = sorted((run / "samples").glob("*.png"))
    assert pictures
    # Photographs are 72 x 90; the squares cut out of them are drawn at a multiple of the network's size.
    # Labels stand on the left, what was found on the right.
    assert {cv2.imread(str(path)).shape[:2] for path in pictures} == {(384, 512 + 6 + 512)}
    assert pictures[0].name.startswith("0001_")
    assert all(cv2.imread(str(run / name)) is not None for name in ("curves.png", "results.png"))


def test_what_val_only_measures_and_draws(run: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["--with-heatmap-mean", "--val-count", "3", "--samples", "2", "--coco-eval", "--coco-per-class"]
    with plots():
        folder, report = val_only(run, photos, *asked)
    assert cv2.imread(str(folder / "curves.png")) is not None
    assert report["counts"]["images"] == 3
    said = capsys.readouterr().out
    assert "COCO/AP50" in said
    assert "AP50/class person" in said
    samples = [path for path in folder.glob("*.png") if path.name != "curves.png"]
    assert 1 <= len(samples) <= 2
    for path in samples:
        maps = sorted((folder / path.stem).glob("heatmap_*.png"))
        assert len(maps) >= 6
        assert {cv2.imread(str(each)).shape for each in maps} == {(72, 90, 3)}
        assert (folder / path.stem / "layers.png").is_file()


@pytest.mark.parametrize("run", ["ultratinyod", "cnn"], indirect=True)
def test_validation_images_pass_through_the_pipeline(run: Path, photos: Path) -> None:
    square = ["--val-aug-config", "uhd/aug_val_l.yaml", "--samples", "0"]
    (folder, whole), (_, first), (_, again) = (
        val_only(run, photos, *flags) for flags in (["--samples", "1", "--with-heatmap-sum"], square, square)
    )
    assert list(folder.rglob("heatmap_0000_*.png"))
    assert first == again
    assert whole["counts"]["boxes"] >= first["counts"]["boxes"] > 0
    assert whole["metrics"] != first["metrics"]


def test_heat_maps_are_for_val_only(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(train(photos, tmp_path, *NETWORKS["ultratinyod"], "--with-heatmap-sum", "--samples", "1")) == 0
    assert "--val-only" in capsys.readouterr().err
    assert not list(tmp_path.rglob("heatmap*"))


def test_the_anchors_are_drawn(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    flags = ["--image-dir", str(photos), "--arch", "ultratinyod", "--cnn-width", "4", "--epochs", "1"]
    flags += ["--output", str(tmp_path), "--samples", "0", "--num-workers", "0", "--auto-anchors"]
    assert original.train([*flags, "--auto-anchors-alg", "stratified_large", "--auto-anchors-plot"]) == 0
    assert cv2.imread(str(tmp_path / "default" / "auto_anchors.png")) is not None
    elsewhere = ["--auto-anchors-plot-path", str(tmp_path / "p" / "b.png")]
    assert original.train([*flags, "--auto-anchors-plot", *elsewhere]) == 0
    assert cv2.imread(str(tmp_path / "p" / "b.png")) is not None
    assert original.train([*flags, "--arch", "cnn", "--auto-anchors-plot"]) == 0
    assert "without anchors" in capsys.readouterr().err

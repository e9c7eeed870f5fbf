"""Pictures that commands draw: contact sheets of augmented samples, anchors, heat maps."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from uhd.cli import main
from uhd.cli.data.preview import GREEN
from uhd.draw import COLOURS


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Black photographs of many shapes, each with a white rectangle of class 0 or 1 in its left half."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "photos"
    folder.mkdir()
    for i, (height, width) in enumerate([(40, 60), (61, 30), (3, 200), (48, 48), (90, 33), (50, 50)] * 2):
        image = np.zeros((height, width, 3), np.uint8)
        image[height // 4 : height // 4 * 3 or 1, : width // 2] = 255
        cv2.imwrite(str(folder / f"{i}.png"), image)
        (folder / f"{i}.txt").write_text(f"{i % 2} 0.25 0.5 0.5 0.5\n")
    return folder


def read(path: Path) -> np.ndarray:
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)


def has(image: np.ndarray, colour: tuple[int, int, int]) -> bool:
    return bool((image == colour).all(-1).any())


@pytest.mark.parametrize("config", ["uhd/aug.yaml", "uhd/aug_val_s.yaml", "uhd/aug_val_l.yaml", None])
def test_a_contact_sheet_with_boxes(photos: Path, config: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    flags = [] if config is None else ["--aug-config", config]
    for name in ("a.png", "b.png"):
        assert (
            main(["data", "preview", str(photos), "--count", "4", "--output", name, "--img-size", "32x48", *flags]) == 0
        )
    assert "4 samples" in capsys.readouterr().out
    first, again = read(Path("a.png")), read(Path("b.png"))
    assert np.array_equal(first, again)
    assert first.shape == (128 + 8, 4 * 192 + 5 * 4, 3)
    assert has(first, GREEN)


def test_a_colour_for_each_class(photos: Path) -> None:
    command = ["data", "preview", str(photos), "--count", "6", "--classes", "0,1", "--aug-config"]
    Path("flip.yaml").write_text("data_augment:\n  HorizontalFlip: {prob: 1.0, class_swap_map: {0: 1}}\n")
    Path("none.yaml").write_text("")
    for name in ("flip", "none"):
        assert main([*command, f"{name}.yaml", "--output", f"{name}.png"]) == 0
    plain, flipped = read(Path("none.png")), read(Path("flip.png"))
    assert has(plain, COLOURS[0])
    assert has(plain, COLOURS[1])
    assert not has(plain, GREEN)
    tile = 4 + 128
    for i in range(6):  # a mirrored tile shows its box on the other side, in the other colour
        a, b = (image[4:132, 4 + i * tile : 132 + i * tile] for image in (plain, flipped))
        colour = 0 if has(a, COLOURS[0]) else 1
        assert has(a[:, :64], COLOURS[colour])
        assert has(b[:, 64:], COLOURS[1 - colour])
        assert not has(b, COLOURS[colour])


def test_what_is_unknown_is_said_once_with_the_nearest_name(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("aug.yaml").write_text("data_augment:\n  HorizontalFlop: 0.5\n  RandomHSV: {hue_gian: 0.1}\n")
    assert main(["data", "preview", str(photos), "--count", "2", "--aug-config", "aug.yaml"]) == 0
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "did you mean 'HorizontalFlip'?" in error
    assert "did you mean 'hue_gain'?" in error


def test_the_sheet_is_not_written_into_the_data_set(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "preview", str(photos), "--output", "photos/sheet.png"]) == 2
    assert "never written to: name another place" in capsys.readouterr().err


def test_the_anchors_are_drawn_without_training(photos: Path) -> None:
    pytest.importorskip("matplotlib")
    command = ["data", "anchors", str(photos), "--num-anchors", "3", "--algorithm", "stratified_large", "--bias", "0.5"]
    assert main([*command, "--plot", "plots/anchors.png"]) == 0
    assert read(Path("plots/anchors.png")).std() > 5


def test_heat_maps_of_any_photograph(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from uhd.models import create_model
    from uhd.models.weights import describe, save_weights

    model = create_model(cnn_width=4, num_anchors=2)
    save_weights(Path("m.safetensors"), model.state_dict(), describe(model, img_size="64x64"))
    assert main(["predict", "photos/0.png", "--model", "m.safetensors", "--heatmap", "mean", "--output", "out"]) == 0
    maps = sorted(Path("out/0").glob("heatmap_*.png"))
    assert len(maps) > 30
    assert {read(path).shape for path in maps} == {(40, 60, 3)}
    assert main(["predict", "photos/0.png", "--with-heatmap-sum"]) == 2
    assert "checkpoint" in capsys.readouterr().err

"""Rows of ``uhd predict`` lead back to their image, names that meet are kept apart, and nothing is replaced."""

from __future__ import annotations

import csv
import json
import os
import signal
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from uhd.cli import main, predict_config
from uhd.detections import Detections


def photo(path: Path, value: int = 255) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.zeros((60, 80, 3), np.uint8)
    image[10:50, 20:40] = value
    cv2.imwrite(str(path), image)
    return path


def video(path: Path, frames: int = 4, codec: str = "MJPG") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), 10, (80, 60))
    for _ in range(frames):
        image = np.zeros((60, 80, 3), np.uint8)
        image[10:50, 20:40] = 255
        writer.write(image)
    writer.release()
    return path


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder, and a detector that finds white boxes."""
    monkeypatch.chdir(tmp_path)

    def white(_detector: object, image: NDArray[np.uint8], _config: object) -> Detections:
        rows, columns = np.nonzero(image[..., 1] > 128)
        size = (image.shape[0], image.shape[1])
        if not len(rows):
            return Detections.empty(size)
        box = np.array([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]], np.float32)
        return Detections(box, np.array([0.9], np.float32), np.zeros(1, np.int64), size)

    monkeypatch.setattr(predict_config, "detect", white)
    return tmp_path


def lines(path: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def test_two_folders_one_name(place: Path) -> None:
    photo(place / "a" / "x.jpg")
    photo(place / "b" / "x.jpg", 0)
    photo(place / "b" / "deep" / "x.jpg")
    assert main(["predict", "a", "b", "--json", "r.jsonl", "--csv", "r.csv", "--save-txt", "--output", "o"]) == 0
    rows = lines("r.jsonl")
    assert [row["image"] for row in rows] == ["a/x.jpg", "b/deep/x.jpg", "b/x.jpg"]
    assert [row["drawn"] for row in rows] == ["o/x.jpg", "o/deep/x.jpg", "o/x_2.jpg"]
    assert [len(Path(str(row["labels"])).read_text()) > 0 for row in rows] == [True, True, False]
    assert all(Path(str(row["drawn"])).is_file() for row in rows)
    table = list(csv.DictReader(Path("r.csv").read_text().splitlines()))
    assert [(row["image"], row["frame"], row["drawn"]) for row in table] == [
        ("a/x.jpg", "", "o/x.jpg"), ("b/deep/x.jpg", "", "o/deep/x.jpg"),
    ]  # fmt: skip


def test_a_second_run_replaces_nothing_unless_it_is_told_to(place: Path) -> None:
    photo(place / "a.png")
    video(place / "v.avi")
    (place / "o").mkdir()
    (place / "o" / "a.png").write_bytes(b"mine")
    for _ in range(2):
        assert main(["predict", "a.png", "v.avi", "--output", "o"]) == 0
    assert (place / "o" / "a.png").read_bytes() == b"mine"
    assert sorted(path.name for path in (place / "o").iterdir()) == ["a.png", "a_2.png", "a_3.png", "v.mp4", "v_2.mp4"]
    assert main(["predict", "a.png", "v.avi", "--output", "o", "--overwrite"]) == 0
    assert len(list((place / "o").iterdir())) == 5
    assert (place / "o" / "a.png").read_bytes() != b"mine"


def test_frames_say_where_they_are_and_when(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    video(place / "cam1" / "rec.avi")
    video(place / "cam2" / "rec.mp4", codec="mp4v")
    command = ["predict", "cam1/rec.avi", "cam2/rec.mp4", "--json", "r.jsonl", "--csv", "r.csv", "--output", "o"]
    assert main([*command, "--save-txt"]) == 0
    told = capsys.readouterr().out
    assert "rec.avi: 4 frames, 4 detections, " in told
    assert " ms per frame -> o/rec_2.mp4" in told
    rows = lines("r.jsonl")
    assert [row["image"] for row in rows] == ["cam1/rec.avi"] * 4 + ["cam2/rec.mp4"] * 4
    assert [row["frame"] for row in rows] == [0, 1, 2, 3] * 2
    np.testing.assert_allclose([float(str(row["time"])) for row in rows], [0, 0.1, 0.2, 0.3] * 2, atol=0.001)
    assert [row["labels"] for row in rows[3:5]] == ["o/rec_000003.txt", "o/rec_2_000000.txt"]
    assert list(csv.DictReader(Path("r.csv").read_text().splitlines()))[2]["time"] == "0.2"
    assert len(list((place / "o").glob("*.txt"))) == 8


def test_one_name_for_two_recordings(place: Path) -> None:
    video(place / "a.avi")
    video(place / "b.avi")
    assert main(["predict", "a.avi", "b.avi", "--record", "r.mp4"]) == 0
    assert {path.name for path in place.glob("r*.mp4")} == {"r.mp4", "r_2.mp4"}
    assert main(["predict", "a.avi", "--record", "r.mp4"]) == 2  # a name that was given is not changed


def test_rows_on_standard_output(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo(place / "a.png")
    assert main(["predict", "a.png", "--no-draw", "--json", "-"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["image"] == "a.png"
    assert "a.png: 1 person" in told.err
    assert not (place / "-").exists()


@pytest.mark.parametrize(("names", "ids"), [(("000000000139.jpg", "42.jpg"), [139, 42]), (("a.jpg", "42.jpg"), [2, 1])])
def test_coco_results_carry_the_ids_of_coco_names(place: Path, names: tuple[str, ...], ids: list[int]) -> None:
    for name in names:
        photo(place / "i" / name)
    assert main(["predict", "i", "--no-draw", "--coco", "r.json"]) == 0
    found = {entry["file_name"]: entry for entry in json.loads(Path("r.json").read_text())}
    assert [found[f"i/{name}"]["image_id"] for name in names] == ids
    assert found[f"i/{names[0]}"]["category_id"] == 1
    assert found[f"i/{names[0]}"]["bbox"] == pytest.approx([20, 10, 20, 40], abs=3)


def test_what_a_folder_holds_beside_images_is_named(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo(place / "i" / "a.png")
    (place / "i" / "b.jxl").write_bytes(b"x")
    (place / "i" / "c.JXL").write_bytes(b"x")
    (place / "i" / "d.mp4").write_bytes(b"x")
    (place / "i" / "notes.md").write_text("x")
    assert main(["predict", "i", "--no-draw"]) == 0
    told = capsys.readouterr().err.splitlines()
    assert told == [
        "skipped: i/b.jxl and 1 more: JXL files are not read; convert to .png or .jpg",
        "note: i/d.mp4: a video in a folder is not searched; give it by name",
    ]
    assert main(["predict", "i/b.jxl"]) == 2
    assert "JXL" in capsys.readouterr().err


def test_a_file_where_a_folder_is_needed(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo(place / "a.png")
    (place / "afile").write_text("mine")
    for output in ("afile", "afile/below"):
        assert main(["predict", "a.png", "--output", output]) == 2
        assert capsys.readouterr().err == "error: afile: is a file; name a folder with --output\n"


def test_a_photograph_as_the_model_sees_it(place: Path) -> None:
    photo(place / "a.png")
    assert main(["predict", "a.png", "--actual-size", "--output", "o"]) == 0
    drawn = cv2.imread("o/a.png")
    assert drawn is not None
    assert drawn.shape == (512, 512, 3)  # a network of 64x64, enlarged
    assert (drawn[100:400:8, 300:500:8] == drawn[103:403:8, 303:503:8]).all()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_request_to_stop_finishes_the_recording(
    place: Path, number: signal.Signals, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    video(place / "v.avi", 12)
    before, seen = predict_config.detect, []

    def killed(*arguments: object) -> object:
        seen.append(1)
        if len(seen) == 4:
            os.kill(os.getpid(), number)
        return before(*arguments)  # type: ignore[arg-type]

    handler = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(predict_config, "detect", killed)
    assert main(["predict", "v.avi", "--output", "o", "--json", "r.jsonl"]) == 130
    assert "stopped after 3 frames of 12; lines so far are in r.jsonl" in capsys.readouterr().out
    assert [path.name for path in (place / "o").iterdir()] == ["v.mp4"]
    assert cv2.VideoCapture("o/v.mp4").get(cv2.CAP_PROP_FRAME_COUNT) == 3
    assert len(lines("r.jsonl")) == 3
    assert signal.getsignal(signal.SIGTERM) is handler


def test_stopped_among_images(place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for i in range(5):
        photo(place / "i" / f"{i}.png")
    seen = []

    def interrupted(*_: object) -> Detections:
        seen.append(1)
        if len(seen) == 4:
            raise KeyboardInterrupt
        return Detections.empty((60, 80))

    monkeypatch.setattr(predict_config, "detect", interrupted)
    assert main(["predict", "i", "--no-draw", "--json", "r.jsonl"]) == 130
    assert "stopped after 3 of 5 images; lines so far are in r.jsonl" in capsys.readouterr().err


def test_a_cut_video_was_searched(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = video(place / "v.avi", 20).read_bytes()
    (place / "cut.avi").write_bytes(data[: len(data) * 3 // 4])
    assert main(["predict", "cut.avi", "--no-draw", "--json", "r.jsonl"]) == 0
    error = capsys.readouterr().err
    assert error.startswith("note: cut.avi: ")
    assert f"{len(lines('r.jsonl'))} of 20 frames could be read; these were searched" in error
    assert len(error.splitlines()) == 1

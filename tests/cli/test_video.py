"""People are followed and counted through a video from the command line."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from uhd.cli import main, predict_config
from uhd.detections import Detections

FRAMES = 20


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a video of a white box that walks from left to right, and a detector that finds white boxes."""
    monkeypatch.chdir(tmp_path)
    writer = cv2.VideoWriter("walk.avi", cv2.VideoWriter.fourcc(*"MJPG"), 10, (160, 120))
    for step in range(FRAMES):
        frame = np.zeros((120, 160, 3), np.uint8)
        frame[40:100, 10 + 6 * step : 40 + 6 * step] = 255
        writer.write(frame)
    writer.release()
    cv2.imwrite("still.png", np.zeros((120, 160, 3), np.uint8))

    def white(_detector: object, image: NDArray[np.uint8], _config: object) -> Detections:
        rows, columns = np.nonzero(image[..., 1] > 128)
        box = np.array([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]], np.float32)
        return Detections(box, np.array([0.9], np.float32), np.zeros(1, np.int64), (120, 160))

    monkeypatch.setattr(predict_config, "detect", white)
    return tmp_path


def test_one_person_one_number_one_crossing(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # The line runs upwards, so whoever walks to the right goes forward over it.
    command = ["predict", "walk.avi", "--track", "--count-line", "0.5,1,0.5,0", "--count-zone=0,0,0.4,0,0.4,1,0,1"]
    assert main([*command, "--csv", "rows.csv", "--json", "lines.jsonl"]) == 0
    assert "1 tracks; line 1: 1 forward, 0 backward; zone 1: 0 inside, 1 visitors" in capsys.readouterr().out
    rows = list(csv.DictReader((place / "rows.csv").open()))
    assert [row["track_id"] for row in rows] == ["1"] * FRAMES
    assert float(rows[3]["left"]) == pytest.approx(28, abs=2)
    lines = [json.loads(line) for line in (place / "lines.jsonl").read_text().splitlines()]
    forward = [line["counts"]["line 1"]["forward"] for line in lines]
    assert forward == sorted(forward)
    # The feet, in the middle of the box, pass x = 80 between the tenth frame and the eleventh.
    assert forward.index(1) in (10, 11)
    recorded = cv2.VideoCapture(str(place / "runs" / "predict" / "walk.mp4"))
    assert recorded.get(cv2.CAP_PROP_FRAME_COUNT) == FRAMES


def test_without_tracking_there_are_no_numbers(place: Path) -> None:
    assert main(["predict", "walk.avi", "--csv", "rows.csv", "--json", "lines.jsonl", "--no-draw"]) == 0
    rows = list(csv.DictReader((place / "rows.csv").open()))
    assert {row["track_id"] for row in rows} == {""}
    assert "counts" not in json.loads((place / "lines.jsonl").read_text().splitlines()[0])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["still.png", "--track"], "through a video"),
        (["walk.avi", "--count-line", "0.5,1"], "at least 2 points"),
        (["walk.avi", "--count-zone", "0.5,1,0.2,0.4"], "at least 3 points"),
        (["walk.avi", "--count-line", "50,0,50,100"], "from 0 to 1"),
        (["walk.avi", "--csv", "walk.avi"], "would replace"),
    ],
)
def test_mistakes(place: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = (place / "walk.avi").read_bytes()
    assert main(["predict", *words]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert said in error
    assert (place / "walk.avi").read_bytes() == before

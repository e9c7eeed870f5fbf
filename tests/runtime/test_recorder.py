from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from uhd.errors import UserError
from uhd.runtime import encoders
from uhd.runtime.recorder import VideoRecorder

FRAME = np.zeros((33, 47, 3), np.uint8)


def count_frames(path: Path) -> tuple[int, tuple[int, int]]:
    capture = cv2.VideoCapture(str(path))
    count, shape = 0, (0, 0)
    while True:
        ok, frame = capture.read()
        if not ok:
            return count, shape
        count, shape = count + 1, frame.shape[:2]


@pytest.mark.parametrize("suffix", [".mp4", ".avi", ".webm"])
def test_odd_sizes_and_changing_sizes_are_recorded(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "deep" / f"v{suffix}"
    with VideoRecorder(path, 10) as recorder:
        recorder.write(FRAME)
        recorder.write(np.zeros((99, 10, 3), np.uint8))
        assert not path.exists()
    assert count_frames(path) == (2, (32, 46))
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_the_recording_survives_an_error(tmp_path: Path) -> None:
    def interrupted() -> None:
        with VideoRecorder(tmp_path / "v.mp4") as recorder:
            recorder.write(FRAME)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert count_frames(tmp_path / "v.mp4")[0] == 1


def test_without_a_frame_there_is_no_file(tmp_path: Path) -> None:
    with VideoRecorder(tmp_path / "v.mp4"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_is_kept(tmp_path: Path) -> None:
    (tmp_path / "v.mp4").write_bytes(b"mine")
    with pytest.raises(UserError, match="--overwrite"):
        VideoRecorder(tmp_path / "v.mp4")
    with VideoRecorder(tmp_path / "v.mp4", overwrite=True) as recorder:
        recorder.write(FRAME)
    assert count_frames(tmp_path / "v.mp4")[0] == 1


def test_places_and_names_that_do_not_work(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"\.mp4 or \.avi"):
        VideoRecorder(tmp_path / "v.mkv")
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        VideoRecorder(tmp_path / "file" / "v.mp4").write(FRAME)


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_browsers_play_a_recording(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"v{suffix}"
    with VideoRecorder(path) as recorder:
        recorder.write(FRAME)
        if recorder.codec == "mp4v":
            pytest.skip(recorder.remark)
    assert recorder.remark == ""
    number = int(cv2.VideoCapture(str(path)).get(cv2.CAP_PROP_FOURCC))
    assert number.to_bytes(4, "little").decode("latin1").lower() in {"avc1", "h264", "vp90", "vp09", "vp80"}


def test_where_there_is_no_encoder_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(encoders.CODECS, ".mp4", ("nope", "mp4v"))
    monkeypatch.setitem(sys.modules, "av", None)
    with VideoRecorder(tmp_path / "v.mp4") as recorder:
        assert recorder.remark == ""
        recorder.write(FRAME)
    assert recorder.codec == "mp4v"
    assert "browsers do not play" in recorder.remark
    assert count_frames(tmp_path / "v.mp4")[0] == 1


def test_the_encoder_says_nothing_on_the_terminal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for suffix in (".mp4", ".webm"):
        with VideoRecorder(tmp_path / f"v{suffix}") as recorder:
            recorder.write(FRAME)
    assert capfd.readouterr() == ("", "")


def test_frames_of_a_camera_are_shown_when_they_came(tmp_path: Path) -> None:
    pytest.importorskip("av")
    with VideoRecorder(tmp_path / "v.mp4", 30) as recorder:
        for seconds in (0.0, 0.2, 0.2, 1.0):
            recorder.write(FRAME, seconds)
    assert recorder.codec == "avc1"
    capture, shown = cv2.VideoCapture(str(tmp_path / "v.mp4")), []
    while capture.read()[0]:
        shown.append(capture.get(cv2.CAP_PROP_POS_MSEC) / 1000)
    assert shown == pytest.approx([0, 0.2, 0.2, 1.0], abs=0.01)


def test_two_that_record_at_once_both_keep_their_frames(tmp_path: Path) -> None:
    with VideoRecorder(tmp_path / "v.avi") as one:
        one.write(FRAME)
        (tmp_path / "v.avi").write_bytes(b"of another command")
    assert (tmp_path / "v.avi").read_bytes() == b"of another command"
    assert count_frames(tmp_path / "v_2.avi")[0] == 1
    assert str(tmp_path / "v_2.avi") in one.remark


@pytest.mark.parametrize("frame", [FRAME[..., 0], FRAME.astype(np.float32), np.dstack([FRAME, FRAME[..., :1]])])
def test_what_is_no_frame(tmp_path: Path, frame: np.ndarray) -> None:
    with VideoRecorder(tmp_path / "v.avi") as recorder, pytest.raises(UserError, match="a frame is uint8"):
        recorder.write(frame)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("fps", [0.0, -1.0, float("nan"), float("inf")])
def test_what_is_no_rate(tmp_path: Path, fps: float) -> None:
    with pytest.raises(UserError, match="frames per second"):
        VideoRecorder(tmp_path / "v.mp4", fps)

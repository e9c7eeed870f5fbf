from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from uhd.errors import UserError
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


@pytest.mark.parametrize("suffix", [".mp4", ".avi"])
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

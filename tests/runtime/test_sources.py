from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from uhd.errors import UserError
from uhd.runtime import video_source
from uhd.runtime.recorder import VideoRecorder
from uhd.runtime.sources import ImageSource, VideoSource, open_source, without_password


def write_images(folder: Path, names: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for i, name in enumerate(names):
        cv2.imwrite(str(folder / name), np.full((8, 10, 3), 20 * i, np.uint8))


def write_video(path: Path, frames: int = 5) -> None:
    with VideoRecorder(path, 12.0) as recorder:
        for i in range(frames):
            recorder.write(np.full((48, 64, 3), (200, 40 * i, 0), np.uint8))


def test_a_folder_in_sorted_order_without_what_is_no_image(tmp_path: Path) -> None:
    write_images(tmp_path, ["b.png", "a.JPG", "c.bmp"])
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "sub.png").mkdir()
    source = open_source(tmp_path)
    assert [frame.name for frame in source] == ["a.JPG", "b.png", "c.bmp"]
    assert len(source) == 3
    assert not source.live


def test_a_glob_and_a_file_whose_name_looks_like_one(tmp_path: Path) -> None:
    write_images(tmp_path / "x", ["1.png"])
    write_images(tmp_path / "y", ["2.png", "[3].png"])
    assert [frame.name for frame in open_source(f"{tmp_path}/**/*.png")] == ["1.png", "2.png", "[3].png"]
    assert [frame.name for frame in open_source(f"{tmp_path}/y/[3].png")] == ["[3].png"]
    with pytest.raises(UserError, match="no image matches"):
        open_source(f"{tmp_path}/*.tif")


def test_an_unreadable_image_among_others_is_reported_alone_it_is_an_error(tmp_path: Path) -> None:
    write_images(tmp_path, ["a.png", "c.png"])
    (tmp_path / "b.png").write_bytes(b"broken")
    source = open_source(tmp_path)
    assert isinstance(source, ImageSource)
    assert [frame.index for frame in source] == [0, 2]
    assert len(source.problems) == 1
    assert "b.png" in source.problems[0]
    with pytest.raises(UserError, match=r"b\.png"):
        list(open_source(tmp_path / "b.png"))


def test_a_video_gives_its_frames_in_rgb(tmp_path: Path) -> None:
    write_video(tmp_path / "v.mp4")
    source = open_source(tmp_path / "v.mp4")
    assert isinstance(source, VideoSource)
    assert source.fps == pytest.approx(12)
    frames = list(source)
    assert [frame.name for frame in frames] == [f"v_{i:06d}" for i in range(5)]
    red, green, blue = (frames[3].image[..., c].mean() for c in range(3))
    assert red > green > blue
    assert abs(green - 120) < 12
    assert source.problems == []


def test_a_cut_video_is_reported(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    with VideoRecorder(tmp_path / "v.avi", 12.0) as recorder:
        for _ in range(20):
            recorder.write(rng.integers(0, 256, (96, 96, 3), dtype=np.uint8))
    data = (tmp_path / "v.avi").read_bytes()
    (tmp_path / "cut.avi").write_bytes(data[: len(data) * 3 // 4])
    source = open_source(tmp_path / "cut.avi")
    count = sum(1 for _ in source)
    assert count < 20
    assert len(source.problems) == 1
    assert f"{count} of 20 frames" in source.problems[0]


@pytest.mark.parametrize("content", [b"", b"not a video at all"])
def test_files_that_are_neither(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "v.mp4").write_bytes(content)
    with pytest.raises(UserError, match=r"v\.mp4: not a video"):
        open_source(tmp_path / "v.mp4")


def test_what_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        open_source(tmp_path / "no.mp4")
    with pytest.raises(UserError, match="empty text"):
        open_source("")
    with pytest.raises(UserError, match="no images"):
        open_source(tmp_path)
    with pytest.raises(UserError, match="camera 97"):
        open_source("97")
    with pytest.raises(UserError, match="camera 97"):
        open_source(97)


def test_a_file_named_like_a_camera_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_images(tmp_path / "7", ["a.png"])
    assert [frame.name for frame in open_source("7")] == ["a.png"]


def test_passwords_are_not_shown() -> None:
    assert without_password("rtsp://me:secret@10.0.0.1:554/live") == "rtsp://***@10.0.0.1:554/live"
    assert without_password("rtsp://10.0.0.1/live@home") == "rtsp://10.0.0.1/live@home"
    assert without_password("rtsp://me:p@ss@10.0.0.1/a") == "rtsp://***@10.0.0.1/a"
    assert without_password("http://c/v.cgi?user=me&loginpwd=x&rate=5") == "http://c/v.cgi?user=me&loginpwd=***&rate=5"
    with pytest.raises(UserError) as caught:
        open_source("http://me:secret@127.0.0.1:9/x.mjpg")
    assert "secret" not in str(caught.value)


class Camera:
    """What OpenCV gives for a stream: five frames, then nothing until it is opened again."""

    def __init__(self, frames: int) -> None:
        self.left = frames

    def isOpened(self) -> bool:
        return True

    def get(self, _what: int) -> float:
        return 0.0

    def set(self, _what: int, _value: float) -> bool:
        return True

    def read(self) -> tuple[bool, np.ndarray | None]:
        self.left -= 1
        return (True, np.zeros((4, 6, 3), np.uint8)) if self.left >= 0 else (False, None)

    def release(self) -> None:
        self.left = 0


def test_a_stream_that_drops_is_opened_again_and_one_that_is_gone_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    cameras = iter([Camera(5), Camera(0), Camera(3), *[Camera(0)] * 6])
    waited: list[float] = []
    monkeypatch.setattr(video_source, "_open_capture", lambda _address: next(cameras))
    monkeypatch.setattr(video_source.time, "sleep", waited.append)
    source = open_source("rtsp://me:secret@camera/live")
    assert isinstance(source, VideoSource)
    frames = list(source)
    assert [frame.index for frame in frames] == list(range(8))
    assert {frame.path for frame in frames} == {"rtsp://***@camera/live"}
    assert source.reconnections == 1
    assert source.lost
    assert "no more frames after 8" in source.problems[0]
    assert waited == [*video_source.PAUSES[:2], *video_source.PAUSES]


def test_a_name_that_opencv_does_not_survive(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"\x8e\xcav.mp4")
    write_video(tmp_path / "v.mp4")
    try:
        (tmp_path / "v.mp4").rename(path)
    except OSError:
        pytest.skip("this file system wants UTF-8")
    with pytest.raises(UserError, match="UTF-8"):
        open_source(path)


def test_a_list_of_images_and_what_is_no_source(tmp_path: Path) -> None:
    write_images(tmp_path, ["a.png", "b.png"])
    (tmp_path / "list.txt").write_text("b.png\nnone.png\na.png\n")
    source = open_source(tmp_path / "list.txt")
    assert [frame.name for frame in source] == ["b.png", "a.png"]
    assert isinstance(source, ImageSource)
    assert len(source.problems) == 1
    assert "none.png" in source.problems[0]
    with pytest.raises(UserError, match="-: standard input"):
        open_source("-")
    with pytest.raises(UserError, match=r"ftp://\*\*\*@x/y\.mp4: addresses begin with rtsp://"):
        open_source("ftp://me:secret@x/y.mp4")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_named_like_an_image_is_not_waited_for(tmp_path: Path) -> None:
    write_images(tmp_path, ["a.png"])
    os.mkfifo(tmp_path / "b.png")
    source = open_source(tmp_path)
    assert [frame.name for frame in source] == ["a.png"]
    assert isinstance(source, ImageSource)
    assert source.problems == [f"{tmp_path / 'b.png'}: is a pipe or a device, not a file"]


def test_a_video_without_a_frame_is_named_and_a_slow_one_keeps_its_rate(tmp_path: Path) -> None:
    for name, frames in (("none.avi", 0), ("slow.avi", 3)):
        writer = cv2.VideoWriter(str(tmp_path / name), cv2.VideoWriter.fourcc(*"MJPG"), 0.5, (64, 48))
        for _ in range(frames):
            writer.write(np.zeros((48, 64, 3), np.uint8))
        writer.release()
    none, slow = open_source(tmp_path / "none.avi"), open_source(tmp_path / "slow.avi")
    assert list(none) == []
    assert none.problems == [f"{tmp_path / 'none.avi'}: no frame of this video could be read"]
    assert isinstance(slow, VideoSource)
    assert slow.fps == 0.5
    assert [frame.time for frame in slow] == [0.0, 2.0, 4.0]

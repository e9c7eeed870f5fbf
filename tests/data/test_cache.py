from __future__ import annotations

import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from uhd.data import cache as cache_module
from uhd.data import decoding
from uhd.data.cache import build_cache
from uhd.data.problems import BAD_IMAGE, Report
from uhd.data.reduction import reduce_image
from uhd.errors import UserError
from uhd.read import read_image
from uhd.resize import resize_image

SIZE, NEAREST, LINEAR = (64, 64), "opencv_inter_nearest", "torch_bilinear"


@pytest.fixture
def paths(tmp_path: Path, picture) -> list[Path]:
    """Three images, the second unreadable, the third too large to be kept as it is."""
    folder = tmp_path / "set"
    folder.mkdir()
    found = [folder / name for name in ("a.png", "b.jpg", "c.png")]
    cv2.imwrite(str(found[0]), picture(50, 70))
    found[1].write_text("not an image")
    cv2.imwrite(str(found[2]), picture(700, 900, 5))
    return found


@pytest.mark.parametrize("mode", [NEAREST, LINEAR])
@pytest.mark.parametrize("kind", ["ram", "file", "none"])
def test_same_pixels_whatever_the_kind(paths: list[Path], tmp_path: Path, kind: str, mode: str) -> None:
    report = Report()
    images = build_cache(paths, SIZE, mode, report, kind, tmp_path / "cache", progress=False)
    assert report.counts == {BAD_IMAGE: 1}
    assert "b.jpg" in report.examples[BAD_IMAGE][0]
    assert images.shapes[1].tolist() == [0, 0]
    assert images.originals[[0, 2]].tolist() == [[50, 70], [700, 900]]
    for i in (0, 2):
        photo = read_image(paths[i])
        np.testing.assert_array_equal(images[i], reduce_image(photo, SIZE, mode))
        np.testing.assert_array_equal(images.network_input(i, SIZE, mode), resize_image(photo, SIZE, mode))
        assert images.network_input(i, (32, 48), mode).shape == (32, 48, 3)
    assert images[2].shape[:2] == tuple(images.shapes[2]) != (700, 900)


def test_one_read_only_buffer(paths: list[Path]) -> None:
    images = build_cache(paths, SIZE, NEAREST, Report(), progress=False)
    assert np.shares_memory(images[0], images.buffer)  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="read-only"):
        images[0][0] = 0


def test_strict_stops(paths: list[Path], tmp_path: Path) -> None:
    for kind in ("ram", "file", "none"):
        with pytest.raises(UserError, match=r"b\.jpg"):
            build_cache(paths, SIZE, NEAREST, Report(strict=True), kind, tmp_path / "cache", progress=False)
    assert not list((tmp_path / "cache").glob("*"))


def test_file_is_used_again_until_an_image_changes(
    paths: list[Path], tmp_path: Path, picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[Path] = []
    real = read_image
    monkeypatch.setattr(decoding, "read_image", lambda path: decoded.append(path) or real(path))

    def build() -> tuple[np.ndarray, Report]:
        decoded.clear()
        report = Report()
        return np.array(build_cache(paths, SIZE, NEAREST, report, "file", tmp_path / "c", progress=False)[0]), report

    first, _ = build()
    assert len(decoded) == 3
    again, report = build()
    assert not decoded
    assert report.counts == {BAD_IMAGE: 1}
    np.testing.assert_array_equal(first, again)

    cv2.imwrite(str(paths[0]), picture(50, 70, 9))
    os.utime(paths[0], ns=(1, 1))
    changed, _ = build()
    assert len(decoded) == 3
    assert (changed != first).any()
    assert len(list((tmp_path / "c").iterdir())) == 1  # the stale file was replaced


@pytest.mark.parametrize("damage", ["cut", "foreign", "empty"])
def test_damaged_file_is_rebuilt(paths: list[Path], tmp_path: Path, damage: str) -> None:
    before = np.array(build_cache(paths, SIZE, NEAREST, Report(), "file", tmp_path / "c", progress=False)[2])
    (file,) = (tmp_path / "c").iterdir()
    content = file.read_bytes()
    file.write_bytes({"cut": content[:-100], "foreign": b"x" * len(content), "empty": b""}[damage])
    after = build_cache(paths, SIZE, NEAREST, Report(), "file", tmp_path / "c", progress=False)
    np.testing.assert_array_equal(after[2], before)
    assert file.read_bytes() == content


def test_data_set_folder_is_left_alone(paths: list[Path], tmp_path: Path) -> None:
    before = sorted(p.name for p in paths[0].parent.iterdir())
    build_cache(paths, SIZE, NEAREST, Report(), "file", tmp_path / "c", progress=False)
    assert sorted(p.name for p in paths[0].parent.iterdir()) == before


def test_settings_have_their_own_file(paths: list[Path], tmp_path: Path) -> None:
    for size, mode in (((64, 64), NEAREST), ((64, 64), LINEAR), ((48, 64), NEAREST)):
        build_cache(paths, size, mode, Report(), "file", tmp_path / "c", progress=False)
    assert len(list((tmp_path / "c").iterdir())) == 3


def test_mapped_cache_travels_by_name(paths: list[Path], tmp_path: Path) -> None:
    images = build_cache(paths, SIZE, NEAREST, Report(), "file", tmp_path / "c", progress=False)
    sent = pickle.dumps(images)
    assert len(sent) < 2000 < images.buffer.nbytes  # type: ignore[attr-defined]
    np.testing.assert_array_equal(pickle.loads(sent)[2], images[2])


def test_too_little_memory(paths: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_module, "_available_memory", lambda: 100_000.0)
    with pytest.raises(UserError, match="--cache file"):
        build_cache(paths, SIZE, NEAREST, Report(), progress=False)


def test_unwritable_folder(paths: list[Path], tmp_path: Path) -> None:
    (tmp_path / "occupied").write_text("a file")
    with pytest.raises(UserError, match="could not be saved"):
        build_cache(paths, SIZE, NEAREST, Report(), "file", tmp_path / "occupied", progress=False)


def test_growth_keeps_what_is_there() -> None:
    memory = cache_module._Memory()
    memory._buffer = np.empty(8, np.uint8)
    rng = np.random.default_rng(0)
    parts = [rng.integers(0, 256, (n, 3, 1), dtype=np.uint8) for n in (1, 40, 7, 1000)]
    for part in parts:
        memory.append(part)
    np.testing.assert_array_equal(memory.finish(), np.concatenate([part.reshape(-1) for part in parts]))


def test_those_who_come_together_decode_once(
    paths: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[Path] = []
    real = read_image
    monkeypatch.setattr(decoding, "read_image", lambda path: decoded.append(path) or real(path))
    reports = [Report() for _ in range(4)]

    def build(report: Report) -> np.ndarray:
        return np.array(build_cache(paths, SIZE, NEAREST, report, "file", tmp_path / "c", progress=False)[2])

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(build, reports))
    assert len(decoded) == 3
    assert all(np.array_equal(one, found[0]) for one in found)
    assert all(report.counts == {BAD_IMAGE: 1} for report in reports)

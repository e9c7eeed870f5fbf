"""Several models, and a model and its mirrored self, answer as one."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

import uhd
from tests.nms.test_suppression import Given
from uhd.card import ModelCard
from uhd.cli import main
from uhd.errors import UserError
from uhd.load import default_model
from uhd.nms import Suppression
from uhd.resize import resize_image, to_network
from uhd.runtime.ensemble import combine
from uhd.runtime.mirror import MirroredPredictor, mirror
from uhd.runtime.tiles import TiledPredictor, Tiling

IMAGE = np.zeros((64, 64, 3), np.uint8)
ZOO = default_model().parent / "zoo" / "ultratinyod_w24_rgb.onnx"


def model(*rows: tuple[float, ...], **card: object) -> Given:
    table = np.array(rows, np.float32).reshape(-1, 5)
    return Given(ModelCard(**card), table[:, :4], table[:, 4])  # type: ignore[arg-type]


def test_what_both_find_is_averaged_and_what_one_finds_counts_half() -> None:
    a = model((0, 0, 0.5, 1, 0.9), (0.01, 0, 0.5, 1, 0.7), (0.8, 0, 1, 1, 0.8))  # its duplicate falls first
    b = model((0.1, 0, 0.5, 1, 0.3))
    found = combine([a, b]).predict([IMAGE], 0.1)[0]
    assert found.scores == pytest.approx([0.6, 0.4])
    assert found.xyxy[0] / 64 == pytest.approx([0.025, 0, 0.5, 1])


def test_another_kind_suppresses_all_answers_together() -> None:
    both = combine([model((0, 0, 0.5, 1, 0.9)), model((0.1, 0, 0.5, 1, 0.3), (0.8, 0, 1, 1, 0.2))], kind="greedy")
    assert both.predict([IMAGE], 0.1)[0].scores == pytest.approx([0.9, 0.2])
    assert both.spec.suppression == Suppression()
    tiled = TiledPredictor(both, Tiling(1)).predict([IMAGE], 0.1)[0]
    assert tiled.scores == pytest.approx([0.9, 0.2])


@pytest.mark.parametrize("kind", ["soft-linear", "diou", "wbf"])
def test_tiles_follow_the_kind(kind: str) -> None:
    given = model((0, 0, 0.5, 1, 0.9), (0, 0, 0.4, 1, 0.5), suppression=Suppression(kind))
    assert TiledPredictor(given, Tiling(1)).predict([IMAGE], 0.05)[0].scores == pytest.approx(
        given.predict([IMAGE], 0.05)[0].scores
    )


def test_the_mirror_sees_the_mirrored_image_and_mirrors_its_boxes_back() -> None:
    class Left(Given):
        def infer(self, batch: np.ndarray) -> list:
            place = 0.0 if batch[0, 0, 0, 0] > batch[0, 0, 0, -1] else 0.8
            return [(np.array([[place, 0, place + 0.2, 1]], np.float32), np.array([[0.9]], np.float32))]

    image = IMAGE.copy()
    image[:, :8] = 255
    seeing = Left(ModelCard(), np.zeros((1, 4)), np.ones(1))
    assert MirroredPredictor(seeing).predict([image])[0].xyxy == pytest.approx(seeing.predict([image])[0].xyxy)
    assert combine([seeing], "mirror").predict([image], 0.1)[0].scores == pytest.approx([0.9])


@pytest.mark.parametrize("mode", ["opencv_inter_linear", "opencv_inter_nearest_yuv422"])
def test_a_mirrored_input_is_that_of_the_mirrored_image(mode: str) -> None:
    image = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    image[:, 1::2] = image[:, ::2]  # chroma of a pair is that of either pixel
    seen = to_network(resize_image(image, (8, 8), mode)[None], mode)
    flipped = to_network(resize_image(image[:, ::-1], (8, 8), mode)[None], mode)
    assert mirror(seen) == pytest.approx(flipped, abs=1 / 255)


@pytest.mark.parametrize("mode", ["opencv_inter_nearest", "opencv_inter_nearest_y"])
def test_mirrored_point_samples_lie_where_those_of_the_mirrored_photograph_lie(mode: str) -> None:
    ramp = np.broadcast_to(np.arange(0, 240, 3, np.uint8)[None, :, None], (80, 80, 3))
    seen, expected = (to_network(resize_image(each, (8, 8), mode)[None], mode) for each in (ramp, ramp[:, ::-1]))
    step = 30 / 255  # of the ten photograph pixels that a network pixel covers, of which one is read
    inner = np.s_[..., 1:]  # at the edge nothing is known of the pixel beyond
    assert np.abs(mirror(seen, True) - expected)[inner].max() < 0.15 * step
    assert np.abs(mirror(seen) - expected)[inner].min() > 0.85 * step


def test_models_that_see_otherwise_make_no_ensemble() -> None:
    with pytest.raises(UserError, match="input_size"):
        combine([model(), model(input_size=(32, 32))])
    with pytest.raises(UserError, match="known are none, mirror"):
        combine([model()], "flip")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(2):
        cv2.imwrite(str(folder / f"{i}.png"), np.random.default_rng(i).integers(0, 256, (64, 64, 3), np.uint8))
        (folder / f"{i}.txt").write_text("0 0.5 0.5 0.3 0.6\n")
    return folder


def test_files_become_one_model_that_is_measured_and_searched_with(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--ensemble", str(ZOO), "--tta", "mirror", "--nms-iou", "0.6"]
    assert main(["val", str(photos), *flags, "--json", str(tmp_path / "val.json")]) == 0
    told = json.loads((tmp_path / "val.json").read_text())
    assert told["model"].endswith(ZOO.name)
    assert (told["tta"], told["thresholds"]["nms_iou"]) == ("mirror", 0.6)
    ours = uhd.load([default_model(), ZOO], tta="mirror", nms_iou=0.6)
    assert len(ours.predictor.members) == 4  # type: ignore[attr-defined]
    assert ours.val(photos).metrics["AP"] == pytest.approx(told["metrics"]["AP"])
    assert main(["predict", str(photos), *flags, "--no-draw", "--conf-thresh", "0.01", "--json", "-"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    found = ours(photos / "0.png", conf_thresh=0.01, nms_iou=0.6)
    assert [each["score"] for each in rows[0]["detections"]] == pytest.approx(found.scores, abs=1e-5)


@pytest.mark.parametrize("kind", ["greedy", "soft-gaussian"])
def test_the_kind_of_a_command_line_replaces_the_cards(photos: Path, kind: str, tmp_path: Path) -> None:
    assert main(["val", str(photos), "--nms-type", kind, "--json", str(tmp_path / "val.json")]) == 0
    assert json.loads((tmp_path / "val.json").read_text())["nms"] == kind
    loaded = uhd.load(nms_type=kind)
    assert loaded.spec.suppression.kind == kind
    assert loaded.val(photos).about["nms"] == kind

"""A closer look: the answer is that of the part alone, in pixels of the whole picture; further data sets train, too."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.refer.small import small_network, small_world
from uhd.cli import main
from uhd.errors import UserError
from uhd.refer.config import ReferDataConfig
from uhd.refer.data import open_refer
from uhd.refer.part import Part
from uhd.refer.referrer import Referrer
from uhd.refer.run import operations_of
from uhd.refer.torch_finder import TorchFinder

PICTURE = np.random.default_rng(0).integers(0, 255, (120, 160, 3)).astype(np.uint8)
BOX = (100.0, 40.0, 120.0, 70.0)


@pytest.fixture(scope="module")
def find() -> Referrer:
    return Referrer(TorchFinder(small_network(), (64, 64), "opencv_inter_linear"))


def test_an_answer_by_box_is_that_of_the_part_alone(find: Referrer) -> None:
    answer = find(PICTURE, box=BOX, closer=2.0)
    part = PICTURE[25:85, 80:140]
    alone = find(part, box=(20.0, 15.0, 40.0, 45.0))
    np.testing.assert_allclose(answer.xyxy - [80, 25, 80, 25], alone.xyxy, atol=1e-4)
    np.testing.assert_allclose(answer.keypoints - [80, 25, 0], alone.keypoints, atol=1e-4)
    assert answer.score == pytest.approx(alone.score)
    assert answer.mask.shape == PICTURE.shape[:2]
    np.testing.assert_array_equal(answer.mask[25:85, 80:140], alone.mask)
    assert answer.mask.sum() == alone.mask.sum()
    assert answer.prompt == {"box": list(BOX)}


@pytest.mark.parametrize("closer", [0.5, 0.0, -1.0, float("nan")])
def test_less_than_the_box_is_no_look(find: Referrer, closer: float) -> None:
    with pytest.raises(UserError, match=r"closer=.*: is at least 1"):
        find(PICTURE, box=BOX, closer=closer)


def test_a_text_chooses_in_the_whole_picture(find: Referrer) -> None:
    whole, nearer = find(PICTURE, text="the left person"), find(PICTURE, text="the left person", closer=2.0)
    assert nearer.score == whole.score
    assert nearer.prompt == whole.prompt
    part = Part.around(PICTURE, whole.xyxy, 2.0)
    assert not nearer.mask[: part.top].any()
    assert not nearer.mask[:, : part.left].any()


def test_a_point_is_looked_for_in_parts_of_several_sizes(find: Referrer) -> None:
    shapes: list[tuple[int, ...]] = []
    look = find.look
    try:
        find.look = lambda image: shapes.append(image.shape[:2]) or look(image)  # type: ignore[method-assign,func-returns-value]
        answer = find(PICTURE, point=(110, 50), closer=2.0)
    finally:
        del find.look
    assert shapes[:3] == [(120, 160), (80, 80), (40, 40)]
    assert len(shapes) == 4
    assert answer.prompt == {"point": [110.0, 50.0]}


def test_every_box_of_a_detector_is_looked_at_alone(find: Referrer) -> None:
    class Boxes:
        xyxy = np.array([BOX, (10, 10, 30, 60)], np.float32)

    answers = find.everybody(PICTURE, lambda _: Boxes(), closer=2.0)
    assert [answer.prompt["box"] for answer in answers] == Boxes.xyxy.tolist()
    assert answers[0].to_plain() == find(PICTURE, box=BOX, closer=2.0).to_plain()


def test_further_data_sets_are_trained_on_and_not_measured(tmp_path: Path) -> None:
    data = small_world(tmp_path / "first")
    small_world(tmp_path / "second", train=4)
    more = dataclasses.replace(data, also=(tmp_path / "second", tmp_path / "second" / "RefHuman_train.json"))
    opened, alone = open_refer(more, False), open_refer(data, False)
    assert len(opened.train) == len(alone.train) + 4 + 4
    assert [record.image for record in opened.val.records] == [record.image for record in alone.val.records]
    measured = dataclasses.replace(data, also=(tmp_path / "first" / "RefHuman_val.json",))
    with pytest.raises(UserError, match=r"--also .*RefHuman_val.json: .* is among the pictures that are measured on"):
        open_refer(measured, False)


def test_the_share_of_closer_looks_is_a_flag() -> None:
    assert operations_of(ReferDataConfig(closer=0.25))["CloserLook"] == {"prob": 0.25}
    assert "CloserLook" not in operations_of(ReferDataConfig())


def test_predict_looks_closer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cv2.imwrite(str(tmp_path / "picture.png"), PICTURE[..., ::-1])
    arguments = ["refer", "predict", str(tmp_path / "picture.png"), "--box", "100,40,120,70", "--json", "-"]
    assert main([*arguments, "--closer", "2"]) == 0
    answer = json.loads(capsys.readouterr().out)["answers"][0]
    left, top, right, bottom = answer["box"]
    assert 80 <= left <= right <= 140
    assert 25 <= top <= bottom <= 85
    assert main([*arguments, "--closer", "0.5"]) == 2

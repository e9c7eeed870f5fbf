"""A prompt that lies beside the picture is a mistake, not a question."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import uhd
from uhd.errors import UserError
from uhd.refer.referrer import Referrer

PICTURE = np.zeros((20, 40, 3), np.uint8)


@pytest.mark.parametrize("name", ["spec", "predictor"])
def test_what_needs_a_detector_is_told_that_this_is_none(name: str) -> None:
    with pytest.raises(UserError, match="a detector is needed here"):
        getattr(uhd.load("refer"), name)


@pytest.mark.parametrize(
    "prompt", [{"point": (41, 5)}, {"point": (5, -1)}, {"scribble": [(50, 3), (60, 9)]}, {"box": (5, 21, 9, 30)}]
)
def test_places_outside_the_picture_are_refused(prompt: dict[str, Any]) -> None:
    finder = SimpleNamespace(size=(32, 32), resize_mode="torch_bilinear", look=lambda images: [None] * len(images))
    with pytest.raises(UserError, match="lies outside the picture of 40x20 pixels"):
        Referrer(finder)(PICTURE, **prompt)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", [5, ["the person"], b""])
def test_a_prompt_that_is_no_text_is_refused(text: Any) -> None:
    with pytest.raises(UserError, match="text is what is said of the person"):
        uhd.load("refer")(PICTURE, text=text)  # type: ignore[call-arg]


@pytest.mark.parametrize("closer", [float("inf"), float("nan"), "2", 0.5, True])
def test_closer_is_a_number_of_at_least_one(closer: Any) -> None:
    find = uhd.load("refer")
    for prompt in ({"text": "the person"}, {"point": (5, 5)}, {"box": (2, 2, 9, 9)}):
        with pytest.raises(UserError, match=r"closer=.*: is at least 1, the box alone, and a finite number"):
            find(PICTURE, **prompt, closer=closer)  # type: ignore[call-arg]
    find(PICTURE, box=(2, 2, 9, 9), closer=1e308)  # type: ignore[call-arg]  # all of the picture

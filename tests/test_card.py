from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uhd.card import FORMAT, Measurement, ModelCard
from uhd.card_fields import HEAD_KEYS
from uhd.errors import UserError
from uhd.nms import Suppression
from uhd.resize import RESIZE_MODES
from uhd.trained_on import TrainedOn

share = st.floats(0, 1)
words = st.text("abc", min_size=1)
numbers = st.lists(st.integers(0, 99), max_size=3, unique=True).map(tuple)
cards = st.builds(
    ModelCard,
    input_size=st.tuples(st.integers(1, 999), st.integers(1, 999)),
    resize_mode=st.sampled_from(RESIZE_MODES),
    class_names=st.lists(st.text(min_size=1), min_size=1, max_size=3).map(tuple),
    conf_thresh=share,
    suppression=st.builds(Suppression, iou=share, sigma=st.floats(0.01, 9)),
    arch=words,
    score=st.text(),
    metrics=st.dictionaries(st.text(), share),
    extra=st.dictionaries(st.sampled_from(["recipe", "owner"]), st.text()),
    licence=st.text(),
    version=st.text(),
    task=words,
    kind=st.text("abc"),
    head=st.dictionaries(st.sampled_from(HEAD_KEYS), words),
    classes=numbers,
    multi_label_mode=words,
    multi_label_det_classes=numbers,
    multi_label_attr_classes=numbers,
    input_layout=words,
    input_range=words,
    precision=words,
    measured=st.builds(Measurement, split=st.text(), data=st.text()),
    trained_on=st.none()
    | st.builds(TrainedOn, data=st.text(), seed=st.none() | st.integers(0, 9), sketch=st.just(("1", "2"))),
)


@given(cards)
def test_text_brings_everything_back(card: ModelCard) -> None:
    assert ModelCard.from_metadata(card.to_metadata()) == card


@given(cards)
def test_a_checkpoint_brings_back_what_is_not_in_its_weights(card: ModelCard) -> None:
    read = ModelCard.from_checkpoint(json.loads(json.dumps(card.to_checkpoint())))
    names = ("input_size", "resize_mode", "class_names", "metrics", "measured", "licence", "version", "classes", "task",
             "conf_thresh")  # fmt: skip
    assert [getattr(read, name) for name in names] == [getattr(card, name) for name in names]


def test_known_values_win_and_missing_ones_take_the_defaults() -> None:
    card = ModelCard.from_metadata({"img_size": "48x80", "owner": "me"}, resize_mode="TORCH-bilinear", conf_thresh=None)
    assert (card.input_size, card.resize_mode, card.class_names) == ((48, 80), "torch_bilinear", ("person",))
    assert card.conf_thresh == ModelCard().conf_thresh
    assert card.extra == {"owner": "me"}


def test_the_threshold_is_that_of_the_best_f1_until_somebody_says_another() -> None:
    measured = ModelCard().with_metrics({"best_threshold": 0.42}, "val")
    assert measured.conf_thresh == 0.42
    meta = measured.to_checkpoint()
    assert ModelCard.from_checkpoint(meta).conf_thresh == 0.42
    assert ModelCard.from_checkpoint(meta | {"conf_thresh": 0.77}).conf_thresh == 0.77
    # A checkpoint of the original may hold what it counted its mAP with.
    assert ModelCard.from_checkpoint({"metrics": meta["metrics"], "conf_thresh": 0.15}).conf_thresh == 0.42
    for names in ("person", ()):
        with pytest.raises(ValueError, match="not a list of names"):
            ModelCard(class_names=names)  # type: ignore[arg-type]


@pytest.mark.parametrize("change", [{"input_size": (32, 64)}, {"resize_mode": "torch_bilinear"}, {"precision": "int8"}])
def test_figures_do_not_outlive_what_they_were_measured_on(change: dict[str, object]) -> None:
    card = ModelCard().with_metrics({"AP50": 0.3}, "val", "people")
    assert card.measured == Measurement("val", "people", (64, 64), "opencv_inter_nearest", "float32")
    changed = dataclasses.replace(card, **change)  # type: ignore[arg-type]
    assert (changed.metrics, changed.measured) == ({}, Measurement())
    assert dataclasses.replace(card, licence="MIT", conf_thresh=0.2).metrics == card.metrics
    # Also where a file says its old figures beside its new size.
    name = {"input_size": "img_size"}.get(*change, *change)
    table = card.to_metadata() | {name: changed.to_metadata()[name]}
    assert ModelCard.from_metadata(table).metrics == {}


def test_figures_of_the_float_model_are_kept_as_such() -> None:
    card = ModelCard().with_metrics({"AP50": 0.3}, "val").with_precision("int8")
    assert (dict(card.metrics), json.loads(card.extra["float_metrics"])) == ({}, {"AP50": 0.3})
    assert card.with_metrics({"AP50": 0.2}, "val").measured.precision == "int8"


def test_files_of_the_first_version_and_of_the_original() -> None:
    first = {"img_size": "64x64", "format": 1, "metrics": {"AP50": 0.3, "best_threshold": 0.41, "note": "x"}}
    card = ModelCard.from_checkpoint({**first, "metrics_split": "val", "score_mode": "obj"})
    assert (card.metrics, card.conf_thresh, card.format) == ({"AP50": 0.3, "best_threshold": 0.41}, 0.41, 1)
    assert (card.measured.input_size, card.measured.split, card.head) == ((64, 64), "val", {})
    assert card.to_metadata()["format"] == str(FORMAT)
    numbered = ModelCard.from_checkpoint({"classes": "0,3", "img_size": [64, 48], "metrics": "none"})
    assert (numbered.class_names, numbered.classes, numbered.input_size) == (("0", "3"), (0, 3), (64, 48))
    assert ModelCard.from_metadata({"format": "int8"}).precision == "int8"  # C of the first version


@pytest.mark.parametrize(
    "table",
    [
        {"img_size": "sixty"},
        {"names": "person"},
        {"names": '"person"'},
        {"names": "[]"},
        {"names": "[1]"},
        {"conf_thresh": "high"},
        {"conf_thresh": "nan"},
        {"nms_iou": "1.5"},
        {"metrics": "[1]"},
        {"metrics": '{"AP50": null}'},
        {"classes": "person"},
    ],
)
def test_malformed_metadata(table: dict[str, str]) -> None:
    with pytest.raises((ValueError, TypeError)):
        ModelCard.from_metadata(table)


def test_unknown_resize_mode() -> None:
    with pytest.raises(UserError, match="torch_bilinear"):
        ModelCard.from_metadata({"resize_mode": "torch_bilinaer"})

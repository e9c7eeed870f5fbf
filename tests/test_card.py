from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uhd.card import ModelSpec
from uhd.errors import UserError
from uhd.resize import RESIZE_MODES

share = st.floats(0, 1)
specs = st.builds(
    ModelSpec,
    input_size=st.tuples(st.integers(1, 999), st.integers(1, 999)),
    resize_mode=st.sampled_from(RESIZE_MODES),
    class_names=st.lists(st.text(min_size=1), min_size=1, max_size=3).map(tuple),
    conf_thresh=share,
    nms_iou=share,
    arch=st.text("abc", min_size=1),
    score=st.text(),
    metrics=st.dictionaries(st.text(), share),
    extra=st.dictionaries(st.sampled_from(["recipe", "score_mode"]), st.text()),
    licence=st.text(),
    version=st.text(),
)


@given(specs)
def test_metadata_brings_everything_back(spec: ModelSpec) -> None:
    assert ModelSpec.from_metadata(spec.to_metadata()) == spec


def test_known_values_win_and_missing_ones_take_the_defaults() -> None:
    spec = ModelSpec.from_metadata({"img_size": "48x80", "owner": "me"}, resize_mode="TORCH-bilinear", conf_thresh=None)
    assert (spec.input_size, spec.resize_mode, spec.class_names) == ((48, 80), "torch_bilinear", ("person",))
    assert spec.conf_thresh == ModelSpec().conf_thresh
    assert spec.extra == {"owner": "me"}


@pytest.mark.parametrize(
    "table",
    [
        {"img_size": "64x"},
        {"names": "person"},
        {"names": '"person"'},
        {"names": "[]"},
        {"names": "[1]"},
        {"conf_thresh": "high"},
        {"conf_thresh": "nan"},
        {"nms_iou": "1.5"},
        {"metrics": "[1]"},
        {"metrics": '{"AP50": null}'},
    ],
)
def test_malformed_metadata(table: dict[str, str]) -> None:
    if table == {"img_size": "64x"}:
        table = {"img_size": "sixty"}
    with pytest.raises((ValueError, TypeError)):
        ModelSpec.from_metadata(table)


def test_unknown_resize_mode() -> None:
    with pytest.raises(UserError, match="torch_bilinear"):
        ModelSpec.from_metadata({"resize_mode": "torch_bilinaer"})

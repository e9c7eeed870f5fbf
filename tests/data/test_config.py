from __future__ import annotations

from pathlib import Path

import pytest

from uhd.config import from_plain, preset, to_plain
from uhd.data.config import DataConfig
from uhd.errors import UserError


def test_presets_differ_where_the_original_did() -> None:
    ours, original = preset(DataConfig), preset(DataConfig, "original")
    assert (ours.resize_mode, ours.drop_empty, ours.num_workers) == ("opencv_inter_nearest", False, None)
    assert (original.resize_mode, original.drop_empty, original.num_workers) == ("torch_bilinear", True, 8)
    assert original.image_dir == Path("data/wholebody34/obj_train_data")
    assert (original.train_split, original.val_split, original.classes) == (0.8, 0.2, (0,))


def test_plain_round_trip() -> None:
    values = {"img-size": "48x80", "classes": "2,0", "class_names": "a b,c", "resize-mode": "Torch-Nearest"}
    config = from_plain(DataConfig, values | {"image_dir": "x"})
    assert config.img_size == (48, 80)
    assert config.classes == (2, 0)
    assert config.class_names == ("a b", "c")
    assert config.resize_mode == "torch_nearest"
    assert from_plain(DataConfig, to_plain(config)) == config


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("classes", "0,0"),
        ("classes", ""),
        ("classes", "-1"),
        ("classes", "person,1"),
        ("img_size", "0x64"),
        ("train_split", 1.5),
        ("cache", "disk"),
        ("num_workers", -1),
        ("resize_mode", "cubic"),
    ],
)
def test_bad_values(key: str, value: object) -> None:
    with pytest.raises(UserError, match=key.replace("_", ".") if key != "resize_mode" else "cubic"):
        from_plain(DataConfig, {key: value})

"""Options of backbones: what each takes, and what contradicts what."""

from __future__ import annotations

from typing import Any

import pytest

from uhd.config import from_plain, to_plain
from uhd.errors import UserError
from uhd.models.backbones.config import BackboneConfig

RESNET = {"backbone": "ultratinyresnet"}


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"backbone_se": "se"}, ("--backbone-se", "--backbone none")),
        ({"backbone_skip": True, "backbone": "none"}, ("--backbone-skip", "--backbone none")),
        ({"backbone_skip": True, "backbone": "microcspnet"}, ("--backbone-skip", "--backbone microcspnet")),
        ({"backbone_fpn": True, "backbone": "microcspnet"}, ("--backbone-fpn", "--backbone microcspnet")),
        (
            {"backbone_skip_cat": True, "backbone": "enhanced-shufflenet"},
            ("--backbone-skip-cat", "--backbone enhanced-shufflenet"),
        ),
        ({"backbone_channels": (8, 8), "backbone": "microcspnet"}, ("--backbone-channels", "microcspnet")),
        ({"backbone_out_stride": 16, "backbone": "microcspnet"}, ("--backbone-out-stride", "microcspnet")),
        (
            {"backbone_skip_cat": True, "backbone_skip_s2d_cat": True, **RESNET},
            ("--backbone-skip-cat", "--backbone-skip-s2d-cat"),
        ),
        ({"backbone_channels": (8, 16), **RESNET}, ("--backbone-channels", "--backbone-blocks")),
        ({"backbone_blocks": (1, 1, 1), **RESNET}, ("--backbone-channels", "--backbone-blocks")),
        ({"backbone_out_stride": 4, **RESNET}, ("--backbone-out-stride 4", "--backbone-channels")),
        ({"backbone_out_stride": 24, **RESNET}, ("--backbone-out-stride 24", "--backbone-channels")),
        (
            {"backbone_channels": (8, 8, 8, 9), "backbone_skip_shuffle_cat": True, **RESNET},
            ("--backbone-skip-shuffle-cat", "--backbone-channels"),
        ),
    ],
)
def test_contradictions_name_both(options: dict[str, Any], named: tuple[str, str]) -> None:
    with pytest.raises(UserError) as error:
        BackboneConfig(**options).check_backbone()
    assert all(text in str(error.value) for text in named)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"backbone": "none"},
        {"backbone": "microcspnet", "backbone_se": "ese", "backbone_out_stride": 8},
        {"backbone": "enhanced-shufflenet", "backbone_skip": True, "backbone_se": "se"},
        {"backbone_skip": True, "backbone_skip_s2d_cat": True, "backbone_fpn": True, **RESNET},
    ],
)
def test_what_goes_together(options: dict[str, Any]) -> None:
    BackboneConfig(**options).check_backbone()


def test_lists_are_read_from_text_and_survive_plain_values() -> None:
    config = from_plain(BackboneConfig, {"backbone_channels": "16,32,48,64", "backbone-blocks": "1 2 2 1", **RESNET})
    assert config.channels == (16, 32, 48, 64)
    assert config.blocks == (1, 2, 2, 1)
    assert from_plain(BackboneConfig, to_plain(config)) == config
    with pytest.raises(UserError, match="backbone-channels"):
        from_plain(BackboneConfig, {"backbone_channels": "16,many"})
    with pytest.raises(UserError, match="backbone-channels"):
        from_plain(BackboneConfig, {"backbone_channels": "16,0"})


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({}, None),
        ({"backbone_skip": True}, "add"),
        ({"backbone_skip_cat": True}, "cat"),
        ({"backbone_skip": True, "backbone_skip_shuffle_cat": True}, "shuffle_cat"),
        ({"backbone_skip_s2d_cat": True}, "s2d_cat"),
    ],
)
def test_kinds_of_long_skips(options: dict[str, Any], kind: str | None) -> None:
    assert BackboneConfig(**options, **RESNET).skip == kind

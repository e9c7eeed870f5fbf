"""Which weights take orthogonal steps."""

from __future__ import annotations

from typing import Any

import pytest

from uhd.models import create_model
from uhd.training.config import TrainConfig
from uhd.training.optimiser import build_optimiser
from uhd.training.parameters import group_parameters


@pytest.mark.parametrize(
    ("arch", "options", "some", "none"),
    [
        ("ultratinyod", {"cnn_width": 4}, ["backbone.stem.conv.weight"], ["head.box_out.weight", "head.wh_scale"]),
        ("cnn", {"cnn_width": 4}, ["stage3.pw.weight"], ["stage3.dw.weight", "head_hm.weight", "head_wh.weight"]),
        ("cnn", {"cnn_width": 4, "use_anchor": True}, ["stem.0.weight"], ["head.weight"]),
        (
            "transformer",
            {"d_model": 8, "heads": 2, "layers": 1},
            ["patch.weight", "encoder.layers.0.self_attn.in_proj_weight", "decoder.layers.0.linear2.weight",
             "decoder.layers.0.multihead_attn.out_proj.weight"],
            ["query_embed.weight", "class_head.weight", "box_head.weight", "encoder.layers.0.norm1.weight"],
        ),
    ],
)  # fmt: skip
def test_matrices_but_no_answers(arch: str, options: dict[str, Any], some: list[str], none: list[str]) -> None:
    model = create_model(arch, **options)
    names = {id(p): name for name, p in model.named_parameters()}
    parameters = group_parameters(model, model.answers(), model.scales())
    groups = build_optimiser(parameters, TrainConfig()).param_groups
    taken = [names[id(p)] for group in groups if group.get("matrices") for p in group["params"]]
    assert set(some) <= set(taken)
    assert not set(none) & set(taken)
    everything = [id(p) for group in groups for p in group["params"]]
    assert len(everything) == len(set(everything)) == len(names)

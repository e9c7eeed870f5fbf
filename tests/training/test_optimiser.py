"""Which weights take orthogonal steps."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from uhd.models import create_model
from uhd.training.config import TrainConfig
from uhd.training.muon import Muon
from uhd.training.optimiser import build_optimiser, load_optimiser
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


@pytest.mark.parametrize("kind", ["adamw", "muon", "sgd"])
def test_state_of_another_order_of_memory_takes_the_same_steps(kind: str) -> None:
    images, ends = torch.rand(4, 3, 64, 64, generator=torch.Generator().manual_seed(0)), []
    for order in (torch.contiguous_format, torch.channels_last):
        torch.manual_seed(0)
        model = create_model("ultratinyod", cnn_width=4).train()
        config = TrainConfig(optimizer=kind)
        optimiser = build_optimiser(group_parameters(model, model.answers(), model.scales()), config)
        for _ in range(2):
            optimiser.zero_grad()
            model(images).square().mean().backward()
            optimiser.step()
        state = optimiser.state_dict()
        model.to(memory_format=order)
        again = build_optimiser(group_parameters(model, model.answers(), model.scales()), config)
        load_optimiser(again, state)
        for parameter in model.parameters():
            parameter.grad = torch.empty_like(parameter).copy_(torch.sin(parameter.detach() * 1000))
        again.step()
        ends.append([parameter.detach().clone() for parameter in model.parameters()])
        for parameter, slots in again.state.items():
            assert all(v.stride() == parameter.stride() for v in slots.values() if v.shape == parameter.shape)
    for a, b in zip(*ends, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["adamw", "muon"])
def test_a_part_learns_at_its_own_rate(kind: str) -> None:
    model = torch.nn.ModuleDict({"backbone": torch.nn.Linear(3, 3), "head": torch.nn.Linear(3, 2)})
    config = TrainConfig(optimizer=kind)
    parameters = group_parameters(model, rates={model["backbone"]: 0.1, model["head"]: 1.0})
    names = {id(p): name for name, p in model.named_parameters()}
    found = {names[id(p)]: g["lr_scale"] for g in build_optimiser(parameters, config).param_groups for p in g["params"]}
    plain = build_optimiser(group_parameters(model), config).param_groups
    usual = {names[id(p)]: g["lr_scale"] for g in plain for p in g["params"]}
    assert found == {name: scale * (0.1 if "backbone" in name else 1) for name, scale in usual.items()}


def test_what_is_no_matrix_takes_the_steps_of_adamw_though_a_gradient_comes_late() -> None:
    starts, random = [torch.ones(3), torch.ones(2)], torch.Generator().manual_seed(0)
    ours, theirs = ([torch.nn.Parameter(each.clone()) for each in starts] for _ in range(2))
    settings = {"lr": 0.1, "weight_decay": 0.01}
    optimisers = Muon([{"params": ours, **settings}]), torch.optim.AdamW(theirs, **settings)
    for step in range(6):
        for pair in list(zip(ours, theirs, strict=True))[: 1 if step < 3 else 2]:
            gradient = torch.randn(pair[0].shape, generator=random)
            for parameter in pair:
                parameter.grad = gradient.clone()
        for optimiser in optimisers:
            optimiser.step()
    torch.testing.assert_close(ours, theirs)

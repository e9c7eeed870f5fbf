"""Build the optimiser over the groups of parameters that a task names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from uhd.training.config import TrainConfig
from uhd.training.muon import Muon
from uhd.training.parameters import ParameterGroups


def load_optimiser(optimiser: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Load an optimiser's state, each tensor in its parameter's order of memory: fused steps rely on that.

    Rates, decay and momentum stay what the optimiser was built with: they are the run's of today.

    Raises:
        ValueError: it belongs to other parameters.
    """
    own = optimiser.state_dict()["param_groups"]
    if [len(group["params"]) for group in state["param_groups"]] != [len(group["params"]) for group in own]:
        raise ValueError("its groups of parameters differ")
    optimiser.load_state_dict({"state": state["state"], "param_groups": own})
    for parameter, slots in optimiser.state.items():
        for name, value in slots.items():
            if torch.is_tensor(value) and value.shape == parameter.shape:
                slots[name] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)


def build_optimiser(
    parameters: ParameterGroups, config: TrainConfig, more: Sequence[nn.Parameter] = ()
) -> torch.optim.Optimizer:
    """Return AdamW, SGD with Nesterov momentum, or Muon.

    Args:
        parameters: of the model.
        config: which optimiser, rates and decay.
        more: parameters beside the model; they never go to Muon.

    Every group carries ``lr_scale``, the factor on the scheduled learning rate.
    """
    muon = config.optimizer == "muon"
    matrices = {id(p) for p in parameters.matrices} if muon else set()
    kept = {id(p) for p in parameters.rest} | {id(p) for p in more if p.ndim < 2}
    others = [p for p in [*parameters.order, *more] if id(p) not in matrices]
    decayed = [p for p in others if config.decay_all or id(p) not in kept]
    rest = [p for p in others if not config.decay_all and id(p) in kept]
    groups: list[dict[str, Any]] = [
        {"params": decayed, "weight_decay": config.weight_decay, "lr_scale": 1.0},
        {"params": rest, "weight_decay": 0.0, "lr_scale": 1.0},
        {
            "params": parameters.matrices if muon else [],
            "weight_decay": config.weight_decay,
            "lr_scale": config.muon_lr / config.lr,
            "matrices": True,
        },
    ]
    groups = [part | {"lr": config.lr} for group in groups for part in _by_rate(group, parameters.rates)]
    if muon:
        return Muon(groups)
    if config.optimizer == "sgd":
        return torch.optim.SGD(groups, config.lr, config.momentum, nesterov=config.momentum > 0)
    return torch.optim.AdamW(groups, config.lr, fused=True)


def _by_rate(group: dict[str, Any], rates: Mapping[int, float]) -> list[dict[str, Any]]:
    """Return a group in parts of one learning rate each, none of them empty."""
    parts: dict[float, list[nn.Parameter]] = {}
    for parameter in group["params"]:
        parts.setdefault(rates.get(id(parameter), 1.0), []).append(parameter)
    return [group | {"params": own, "lr_scale": group["lr_scale"] * rate} for rate, own in parts.items()]

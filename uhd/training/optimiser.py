"""Build the optimiser; weight decay falls on convolution and matrix weights only unless asked otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from uhd.training.config import TrainConfig
from uhd.training.muon import Muon


def build_optimiser(model: nn.Module, config: TrainConfig, more: Sequence[nn.Parameter] = ()) -> torch.optim.Optimizer:
    """Return AdamW, SGD with Nesterov momentum, or Muon over the model's trainable parameters.

    Parameters beside the model (``more``) never go to Muon.
    Every group carries ``lr_scale``, the factor on the scheduled learning rate.
    """
    parameters = [*(p for p in model.parameters() if p.requires_grad), *more]
    weights = parameters if config.decay_all else [p for p in parameters if _is_weight(p)]
    matrices = _matrices(model) if config.optimizer == "muon" else []
    taken = {id(p) for p in matrices}
    decayed = [p for p in weights if id(p) not in taken]
    taken |= {id(p) for p in decayed}
    rest = [p for p in parameters if id(p) not in taken]
    groups: list[dict[str, Any]] = [
        {"params": decayed, "weight_decay": config.weight_decay, "lr_scale": 1.0},
        {"params": rest, "weight_decay": 0.0, "lr_scale": 1.0},
        {
            "params": matrices,
            "weight_decay": config.weight_decay,
            "lr_scale": config.muon_lr / config.lr,
            "matrices": True,
        },
    ]
    groups = [group | {"lr": config.lr} for group in groups if group["params"]]
    if config.optimizer == "muon":
        return Muon(groups)
    if config.optimizer == "sgd":
        return torch.optim.SGD(groups, config.lr, config.momentum, nesterov=config.momentum > 0)
    return torch.optim.AdamW(groups, config.lr, fused=True)


def _is_weight(parameter: nn.Parameter) -> bool:
    # The anchor scale (A, 2) is a matrix by shape but a scale by meaning.
    return parameter.ndim > 2 or (parameter.ndim == 2 and parameter.shape[1] > 2)


def _matrices(model: nn.Module) -> list[nn.Parameter]:
    # Depthwise kernels mix no channels, the rows of outputs are independent answers, and embeddings are no maps at all:
    # they stay with AdamW.
    return [
        parameter
        for name, parameter in model.named_parameters()
        if _is_weight(parameter) and parameter.shape[1] > 1 and not _is_answer(name)
    ]


def _is_answer(name: str) -> bool:
    return "_out" in name or name.startswith(("head.weight", "head_", "class_head", "box_head", "query_embed"))

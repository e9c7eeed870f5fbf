"""The learning rate as a function of the step, so that resuming needs no state."""

from __future__ import annotations

import math

from uhd.training.config import TrainConfig


def learning_rate(config: TrainConfig, step: int, steps_per_epoch: int) -> float:
    """Return the learning rate of one step.

    Linear warm-up over ``warmup_steps``, then half a cosine down to ``final_lr`` of the highest rate, either step by
    step or constant within an epoch (the original's).

    Args:
        config: rates, lengths and kind.
        step: 0-based over the whole run.
        steps_per_epoch: optimiser steps in an epoch.
    """
    total = config.epochs * steps_per_epoch
    if step < config.warmup_steps:
        return config.lr * (step + 1) / config.warmup_steps
    if config.schedule == "epoch":
        progress = (step // steps_per_epoch) / config.epochs
    else:
        progress = (step - config.warmup_steps) / max(1, total - config.warmup_steps)
    cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
    return config.lr * (config.final_lr + (1 - config.final_lr) * cosine)

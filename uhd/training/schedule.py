"""The learning rate as a function of the step, so that resuming needs no state."""

from __future__ import annotations

import math

from uhd.training.config import TrainConfig

LONGEST_WARMUP = 0.25  # share of the run


def warmup_of(config: TrainConfig, steps_per_epoch: int) -> int:
    """Return the steps of warm-up: as configured, or a quarter of a run that is too short for them."""
    longest = max(1, int(LONGEST_WARMUP * config.epochs * steps_per_epoch))
    return min(config.warmup_steps, longest)


def rate_reached(config: TrainConfig, step: int, steps_per_epoch: int) -> float:
    """Return the rate at the end of an epoch, after ``step`` steps: where the schedule is, whatever the batch size."""
    return learning_rate(config, step - 1 if config.schedule == "epoch" and step else step, steps_per_epoch)


def milestone_epoch(milestone: float, epochs: int) -> float:
    """Return the epochs after which a milestone is passed: a share of the run below 1, else epochs."""
    return milestone * epochs if milestone < 1 else milestone


def learning_rate(config: TrainConfig, step: int, steps_per_epoch: int) -> float:
    """Return the learning rate of one step.

    Linear warm-up over :func:`warmup_of` steps, then half a cosine down to ``final_lr`` of the highest rate, a factor
    at every milestone, or nothing; either step by step or constant within an epoch (the original's).

    Args:
        config: rates, lengths and kind.
        step: 0-based over the whole run.
        steps_per_epoch: optimiser steps in an epoch.
    """
    total, warmup = config.epochs * steps_per_epoch, warmup_of(config, steps_per_epoch)
    if step < warmup:
        return config.lr * (step + 1) / warmup
    if config.lr_schedule == "constant":
        return config.lr
    if config.lr_schedule == "step":
        epoch = step // steps_per_epoch if config.schedule == "epoch" else step / steps_per_epoch
        # A share of an epoch is no reason to be a step late.
        passed = sum(epoch >= milestone_epoch(each, config.epochs) - 1e-9 for each in config.milestones)
        return float(config.lr * config.lr_gamma**passed)
    if config.schedule == "epoch":
        progress = (step // steps_per_epoch) / config.epochs
    else:
        progress = (step - warmup) / max(1, total - warmup)
    cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
    return config.lr * (config.final_lr + (1 - config.final_lr) * cosine)

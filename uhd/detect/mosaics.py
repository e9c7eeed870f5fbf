"""When mosaics end: the last epochs see photographs as a camera does."""

from __future__ import annotations

from collections.abc import Callable

from uhd.augment.pipeline import Pipeline


def close_mosaics(pipeline: Pipeline, epochs: int, share: float) -> tuple[tuple[Pipeline, ...], Callable[[int], int]]:
    """Return the pipelines of both stages of a training, and which of them an epoch uses.

    Args:
        pipeline: of the first epochs.
        epochs: length of the training.
        share: of the epochs, the last ones, that are trained without mosaics.

    Returns:
        with and without mosaics; and epoch (0-based) -> 0 or 1. They are what a loader takes.
    """
    first = epochs - round(share * epochs)
    return (pipeline, pipeline.without_mosaics()), lambda epoch: int(epoch >= first)

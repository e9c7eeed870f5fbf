"""The network of a pruning run before its training: read, and made smaller by what training images say of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from uhd.assigners.targets import Targets
from uhd.card import ModelCard
from uhd.compress.magnitude import REMARK, prune_weights
from uhd.compress.prune import keep_gradients, prune_channels, teaching
from uhd.data.batch import collate
from uhd.data.dataset import Dataset
from uhd.data.multi_label import roles_of
from uhd.detect.pruned_figures import milliseconds_of
from uhd.detect.settings import Settings
from uhd.errors import UserError
from uhd.losses import build_objective
from uhd.models.network import DetectorNetwork
from uhd.models.profile import profile
from uhd.resize import to_network
from uhd.training.progress import say

_BATCH = 16
_TIMED_AGAIN = 0.97  # share of the multiply-adds from which on a narrower network is worth timing


def prune_start(network: DetectorNetwork, settings: Settings, dataset: Dataset) -> None:
    """Make a network smaller, as ``settings.prune`` says.

    Args:
        network: with its weights; is changed.
        settings: of the run.
        dataset: training images.

    Raises:
        UserError: a network that cannot be pruned, torch-pruning is not installed, or the target cannot be reached.
    """
    config, size = settings.prune, settings.data.img_size
    config.check()
    if config.magnitude is not None:
        say(f"{prune_weights(network, config.magnitude):.1%} of the weights of convolutions are 0: {REMARK}")
        return
    if network.kind == "queries":
        raise UserError("uhd prune: heads and queries of a transformer have no channels to remove; give another model")
    if network.quantisation is not None:
        raise UserError("uhd prune: prune in float first, then train the pruned file for few bits: uhd train --qat")
    if settings.detect.framework != "torch":
        raise UserError("uhd prune: Keras builds its layers from the width alone; leave out --framework keras")
    before = profile(network, size)
    if config.importance == "gradient":
        with teaching(network):
            keep_gradients(network, _losses(network, settings, dataset))
    prune_channels(network, size, config, _target(settings, before.macs))
    after = profile(network, size)
    say(
        f"pruned from {before.macs / 1e6:.2f} to {after.macs / 1e6:.2f} million multiply-adds, from {before.params:,} "
        f"to {after.params:,} parameters"
    )


def _target(settings: Settings, macs: int) -> Callable[[DetectorNetwork], bool]:
    """Return what says whether a network is small enough."""
    config, size = settings.prune, settings.data.img_size
    if config.macs is not None:
        most = config.macs * macs if config.macs <= 1 else config.macs
        return lambda narrower: profile(narrower, size).macs <= most
    assert config.milliseconds is not None
    limit, timed = config.milliseconds, [float(macs) / _TIMED_AGAIN, float("inf")]
    card = ModelCard(size, settings.data.resize_mode)

    def quick_enough(narrower: DetectorNetwork) -> bool:
        count = profile(narrower, size).macs
        if count <= _TIMED_AGAIN * timed[0]:
            timed[:] = [count, milliseconds_of({"network": narrower}, card)["network"]]
        return timed[1] <= limit

    return quick_enough


def _losses(network: DetectorNetwork, settings: Settings, dataset: Dataset) -> Iterator[Tensor]:
    """Yield the objective of batches of whole images, as deployment reads them, evenly spread over the data."""
    objective, data = build_objective(network, settings.loss, roles_of(settings.data)), settings.data
    count = min(settings.prune.prune_images, len(dataset))
    chosen = np.linspace(0, len(dataset) - 1, count).round().astype(int).tolist()
    for start in range(0, count, _BATCH):
        samples = [dataset.network_sample(i, data.img_size, data.resize_mode) for i in chosen[start : start + _BATCH]]
        batch = collate(samples)
        images = torch.from_numpy(to_network(batch.images, data.resize_mode))
        yield objective(network(images), Targets.from_batch(batch))[0]

"""The training batches of a run: augmentation by stage, sizes, and which images come how often."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from uhd.augment.mixing import Mosaic
from uhd.augment.pipeline import Pipeline
from uhd.data.dataset import Dataset
from uhd.data.loader import Loader
from uhd.data.loader_processes import loader_processes
from uhd.data.problems import Report
from uhd.data.samplers import RepeatFactorSampler
from uhd.detect.settings import Settings
from uhd.training.distributed import Processes

Size = tuple[int, int]
# Sizes draw from another stream than the order and the samples of an epoch.
_SIZES = (2,)


def build_loader(
    settings: Settings,
    dataset: Dataset,
    transform: Pipeline,
    processes: Processes,
    teacher_view: tuple[Size, str] | None = None,
    report: Report | None = None,
) -> Loader:
    """Return the batches of a run.

    Args:
        settings: of the run.
        dataset: training images.
        transform: augmentation of all epochs but those that ``close_mosaic`` names, which have no mosaics.
        processes: this process among several.
        teacher_view: size and resize mode of the teacher's images, or None.
        report: receives images that break.
    """
    train, detect, data = settings.train, settings.detect, settings.data
    busy = processes.world * torch.get_num_threads()
    workers = loader_processes(data.num_workers, len(dataset) * train.epochs, busy)
    plain = Pipeline([each for each in transform.operations if not isinstance(each, Mosaic)])
    closing = round((1 - detect.close_mosaic) * train.epochs)
    sizes = size_at(data.img_size, int(settings.model.stride), detect.multi_scale, train.seed)
    return Loader(
        dataset, [transform, plain], data.img_size, data.resize_mode, train.batch_size, train.seed, workers,
        processes.rank, processes.world, object_share=detect.object_share, teacher_view=teacher_view,
        sampler=RepeatFactorSampler(detect.repeat_threshold) if detect.repeat_threshold > 0 else None,
        stage_of=lambda epoch: int(epoch >= closing), size_at=sizes, report=report,
    )  # fmt: skip


def size_at(size: Size, stride: int, change: float, seed: int) -> Callable[[int, int], Size] | None:
    """Return (epoch, batch) -> network size, or None where it does not change.

    Args:
        size: (h, w) of the network.
        stride: of which both sides stay multiples.
        change: largest, as a share of the size.
        seed: of the run.
    """
    if change <= 0:
        return None

    def choose(epoch: int, batch: int) -> Size:
        rng = np.random.default_rng(np.random.SeedSequence([seed, epoch, batch], spawn_key=_SIZES))
        factor = rng.uniform(1 - change, 1 + change)
        h, w = (max(stride, round(side * factor / stride) * stride) for side in size)
        return h, w

    return choose

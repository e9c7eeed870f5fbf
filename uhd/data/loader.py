"""Batches that depend on seed, epoch and position alone, never on the number of workers."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from uhd.data.batch import Batch, collate
from uhd.data.dataset import Dataset
from uhd.errors import UserError
from uhd.sample import Sample, SecondImage


class Transform(Protocol):
    """Turns a sample of any size into one at network size."""

    def __call__(
        self,
        sample: Sample,
        rng: np.random.Generator,
        size: tuple[int, int],
        mode: str,
        draw_partner: Callable[[np.random.Generator], Sample],
        second: SecondImage | None = None,
    ) -> Sample:
        """Return the sample whose image is (h, w, 3), and fill ``second``, if any, with what it shows."""
        ...


class Loader:
    """Shuffled, augmented batches, prepared ahead in a thread or in processes.

    Args:
        dataset: labelled images.
        transform: augmentation, or None to resize only.
        size: network size (h, w).
        mode: resize mode.
        batch_size: samples per batch.
        seed: of order and augmentation, from 0. Position p of epoch e is augmented with
            ``default_rng([seed, e, p])``.
        num_workers: processes; 0 prepares the next batches in one thread of this process.
        rank, world: this process takes every ``world``-th position of the epoch, starting at ``rank``; the epoch is
            filled up with its own first samples so that all processes have equally many.
        drop_last: leave out a last batch that is not full, unless it is the only one.
        shuffle: visit the samples in a new order every epoch.
        object_share: share of the epoch's samples that show an object; images are repeated or left out to reach it,
            the epoch keeps its length. None takes every image once.
        prefetch: without workers, prepare batches in a thread while the caller computes.
        start_method: of the worker processes, ``fork`` or ``spawn``; fork where there is one.
        teacher_view: size (h, w) and resize mode at which every batch also holds ``teacher_images``.

    Attributes:
        wait_seconds: time the caller has waited for batches so far, over all epochs.
    """

    def __init__(
        self,
        dataset: Dataset,
        transform: Transform | None,
        size: tuple[int, int],
        mode: str,
        batch_size: int,
        seed: int = 42,
        num_workers: int = 0,
        rank: int = 0,
        world: int = 1,
        drop_last: bool = True,
        shuffle: bool = True,
        object_share: float | None = None,
        prefetch: bool = True,
        start_method: str | None = None,
        teacher_view: tuple[tuple[int, int], str] | None = None,
    ) -> None:
        if not len(dataset):
            raise UserError("the data set holds no image")
        if batch_size < 1 or num_workers < 0 or not 0 <= rank < world:
            raise ValueError(f"batch_size {batch_size}, num_workers {num_workers} or rank {rank} of {world} is invalid")
        self._make = _BatchMaker(dataset, transform, size, mode, seed, object_share, teacher_view)
        self.batch_size, self.num_workers, self.seed = batch_size, num_workers, seed
        self.rank, self.world, self.drop_last, self.shuffle = rank, world, drop_last, shuffle
        self.prefetch, self.start_method = prefetch, start_method
        self.wait_seconds = 0.0
        self._executor: Executor | None = None

    def __len__(self) -> int:
        mine = -(-len(self._make.dataset) // self.world)
        full = mine // self.batch_size
        return max(1, full) if self.drop_last else -(-mine // self.batch_size)

    def order(self, epoch: int) -> NDArray[np.int64]:
        """Return the sample index at every position of an epoch, for all processes together."""
        count = len(self._make.dataset)
        rng = np.random.default_rng([self.seed, epoch])
        order = self._make.order(rng) if self.shuffle else np.arange(count)
        return np.resize(order, -(-count // self.world) * self.world)

    def epoch(self, epoch: int, start_batch: int = 0) -> Iterator[Batch]:
        """Yield the batches of an epoch, from ``start_batch`` on; those before it cost nothing.

        Raises:
            UserError: a worker process was killed.
        """
        order = self.order(epoch)
        positions = np.arange(self.rank, len(order), self.world)
        jobs = (positions[i * self.batch_size : (i + 1) * self.batch_size] for i in range(start_batch, len(self)))
        for make in self._ahead((epoch, job, order[job]) for job in jobs):
            began = time.perf_counter()
            try:
                batch = make()
            except BrokenProcessPool:
                self.close()
                raise UserError("a loader process died, perhaps for lack of memory: lower --num-workers") from None
            self.wait_seconds += time.perf_counter() - began
            yield batch

    def close(self) -> None:
        """Stop thread or processes; a later epoch starts them again."""
        if self._executor is not None:
            self._executor.shutdown(cancel_futures=True)
            self._executor = None

    def _ahead(self, jobs: Iterator[_Job]) -> Iterator[Callable[[], Batch]]:
        """Yield, in order, a function that waits for each batch, with the following ones under way."""
        if not self.num_workers and not self.prefetch:
            for job in jobs:
                yield lambda job=job: self._make(*job)  # type: ignore[misc]
            return
        if self._executor is None:
            self._executor = self._start()
        executor = self._executor
        run: Callable[..., Batch] = _run if self.num_workers else self._make
        pending: deque[Future[Batch]] = deque()
        try:
            for job in jobs:
                pending.append(executor.submit(run, *job))
                if len(pending) > 2 * max(1, self.num_workers):
                    yield pending.popleft().result
            while pending:
                yield pending.popleft().result
        finally:
            for future in pending:
                future.cancel()

    def _start(self) -> Executor:
        if not self.num_workers:
            return ThreadPoolExecutor(1, thread_name_prefix="loader")
        # fork shares the decoded images with the workers; spawn sends them once at the start (a mapped file by name).
        method = self.start_method or ("fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn")
        context = multiprocessing.get_context(method)
        return ProcessPoolExecutor(self.num_workers, context, initializer=_install, initargs=(self._make,))


_Job = tuple[int, NDArray[np.int64], NDArray[np.int64]]


class _BatchMaker:
    def __init__(
        self,
        dataset: Dataset,
        transform: Transform | None,
        size: tuple[int, int],
        mode: str,
        seed: int,
        object_share: float | None,
        teacher_view: tuple[tuple[int, int], str] | None = None,
    ) -> None:
        self.teacher_view = teacher_view
        self.dataset, self.transform, self.size, self.mode, self.seed = dataset, transform, size, mode, seed
        has_object = np.array([len(record.boxes) > 0 for record in dataset.records])
        self.shown, self.empty = np.flatnonzero(has_object), np.flatnonzero(~has_object)
        # Nothing to balance when all images are of one kind.
        self.object_share = object_share if len(self.shown) and len(self.empty) else None

    def __call__(self, epoch: int, positions: NDArray[np.int64], indices: NDArray[np.int64]) -> Batch:
        jobs = list(zip(positions.tolist(), indices.tolist(), strict=True))
        if self.teacher_view is None:
            return collate([self._sample(epoch, p, i, None) for p, i in jobs])
        (height, width), mode = self.teacher_view
        images = np.empty((len(jobs), height, width, 3), np.uint8)
        samples = [self._sample(epoch, p, i, SecondImage(images[k], mode)) for k, (p, i) in enumerate(jobs)]
        return collate(samples, images)

    def _sample(self, epoch: int, position: int, index: int, second: SecondImage | None) -> Sample:
        if self.transform is None:
            if second is not None:
                size = (second.image.shape[0], second.image.shape[1])
                second.image[:] = self.dataset.network_sample(index, size, second.mode).image
            return self.dataset.network_sample(index, self.size, self.mode)
        rng = np.random.default_rng([self.seed, epoch, position])
        sample = self.dataset[index]
        if second is None:  # a transform of the user's own need not know of second images
            return self.transform(sample, rng, self.size, self.mode, self._partner)
        return self.transform(sample, rng, self.size, self.mode, self._partner, second)

    def order(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """Return a random order of the images, of the data's length, with the wanted share of objects."""
        count = len(self.dataset)
        if self.object_share is None:
            return rng.permutation(count)
        wanted = round(self.object_share * count)
        shown = np.resize(rng.permutation(self.shown), wanted)
        return rng.permutation(np.concatenate([shown, np.resize(rng.permutation(self.empty), count - wanted)]))

    def _partner(self, rng: np.random.Generator) -> Sample:
        if self.object_share is None:
            return self.dataset[int(rng.integers(len(self.dataset)))]
        pool = self.shown if rng.random() < self.object_share else self.empty
        return self.dataset[int(pool[rng.integers(len(pool))])]


_worker: _BatchMaker | None = None


def _install(maker: _BatchMaker) -> None:
    global _worker
    _worker = maker
    cv2.setNumThreads(0)
    # Ctrl-C and SIGTERM reach the whole group; the parent alone decides, finishes its step and stops the workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _leave_with_parent() -> None:
    """End this worker when its parent is gone, however that ended; otherwise it would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _run(epoch: int, positions: NDArray[np.int64], indices: NDArray[np.int64]) -> Batch:
    assert _worker is not None
    return _worker(epoch, positions, indices)

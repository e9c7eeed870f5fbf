"""Batches that depend on seed, epoch and position alone, never on the number of workers."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from uhd.data.batch import Batch, collate
from uhd.data.batch_maker import BatchMaker, Collate, Job, Made, Transform
from uhd.data.dataset import Dataset
from uhd.data.problems import BAD_IMAGE, Report
from uhd.errors import UserError

# The order of an epoch draws from another stream than its samples: [seed, epoch] and [seed, epoch, 0] are one stream.
_ORDER = (1,)
# A few images may break during a run; when so many do in a row, all of them are gone.
_MOST_GONE = 64


class Sampler(Protocol):
    """Chooses the order of an epoch."""

    def __call__(self, dataset: Dataset, rng: np.random.Generator) -> NDArray[np.int64]:
        """Return the sample index at every position of the epoch, (n,) with n the data's length."""
        ...


class Loader:
    """Shuffled, augmented batches, prepared ahead in a thread or in processes.

    Args:
        dataset: labelled images.
        transform: augmentation, or None to resize only; a list of them has one per stage, see ``stage_of``.
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
        collate: stacks samples to a batch; it gets the teacher's images too.
        sampler: chooses the order of an epoch in place of ``object_share``; called in this process.
        stage_of: epoch -> stage, the place in the list of transforms: mosaics can end before the training does.
        size_of: epoch -> network size (h, w), in place of ``size``.
        size_at: (epoch, batch) -> network size (h, w), in place of both; the same in every process.
        report: receives images that break while they are read again (``--cache none``): the sample is gray and empty.

    Attributes:
        wait_seconds: time the caller has waited for batches so far, over all epochs.
    """

    def __init__(
        self,
        dataset: Dataset,
        transform: Transform | Sequence[Transform | None] | None,
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
        collate: Collate = collate,
        sampler: Sampler | None = None,
        stage_of: Callable[[int], int] | None = None,
        size_of: Callable[[int], tuple[int, int]] | None = None,
        size_at: Callable[[int, int], tuple[int, int]] | None = None,
        report: Report | None = None,
    ) -> None:
        if not len(dataset):
            raise UserError("the data set holds no image")
        if batch_size < 1 or num_workers < 0 or not 0 <= rank < world:
            raise ValueError(f"batch_size {batch_size}, num_workers {num_workers} or rank {rank} of {world} is invalid")
        transforms = tuple(transform) if isinstance(transform, Sequence) else (transform,)
        self._make = BatchMaker(dataset, transforms, mode, seed, object_share, teacher_view, collate)
        self._size, self._stage_of, self._size_of, self._sampler = size, stage_of, size_of, sampler
        self._size_at, self._report = size_at, report
        # A batch is never larger than this process's share of an epoch: speed and place count what there is.
        self.batch_size, self.num_workers = min(batch_size, -(-len(dataset) // world)), num_workers
        self.seed = seed
        self.rank, self.world, self.drop_last, self.shuffle = rank, world, drop_last, shuffle
        self.prefetch, self.start_method = prefetch, start_method
        self.wait_seconds = 0.0
        self._executor: Executor | None = None
        self._gone = 0  # images that could not be read, one after the other

    def __len__(self) -> int:
        mine = -(-len(self._make.dataset) // self.world)
        full = mine // self.batch_size
        return max(1, full) if self.drop_last else -(-mine // self.batch_size)

    def order(self, epoch: int) -> NDArray[np.int64]:
        """Return the sample index at every position of an epoch (N,), for all processes together."""
        count = len(self._make.dataset)
        rng = np.random.default_rng(np.random.SeedSequence([self.seed, epoch], spawn_key=_ORDER))
        order = np.arange(count)
        if self.shuffle:
            order = self._make.order(rng) if self._sampler is None else self._sampler(self._make.dataset, rng)
        return np.resize(order, -(-count // self.world) * self.world)

    def epoch(self, epoch: int, start_batch: int = 0) -> Iterator[Batch]:
        """Yield the batches of an epoch, from ``start_batch`` on; those before it cost nothing.

        Raises:
            UserError: a worker process was killed or cannot be started, or no image can be read any more.
        """
        order = self.order(epoch)
        positions = np.arange(self.rank, len(order), self.world)
        size = self._size if self._size_of is None else self._size_of(epoch)
        stage = 0 if self._stage_of is None else self._stage_of(epoch)
        size_at = self._size_at or (lambda _epoch, _batch: size)
        parts = ((i, positions[i * self.batch_size : (i + 1) * self.batch_size]) for i in range(start_batch, len(self)))
        made = self._in_time(Job(epoch, size_at(epoch, i), stage, part, order[part]) for i, part in parts)
        for batch, broken in made:
            if self._report is not None:
                for message in broken:
                    self._report.problem(BAD_IMAGE, message)
            self._gone = self._gone + len(broken) if len(broken) == len(batch) else 0
            if self._gone >= min(_MOST_GONE, len(self._make.dataset)):
                raise UserError(f"none of the last {self._gone} images could be read again: is their disk still there?")
            yield batch

    def _in_time(self, jobs: Iterator[Job]) -> Iterator[Made]:
        """Yield what is made of the jobs, in order, and count the time that is waited for it."""
        try:
            for make in self._ahead(jobs):
                began = time.perf_counter()
                made = make()
                self.wait_seconds += time.perf_counter() - began
                yield made
        except BrokenProcessPool:  # met where a batch is fetched, or where the next one is asked for
            self.close()
            raise UserError("a loader process died, perhaps for lack of memory: lower --num-workers") from None

    def close(self) -> None:
        """Stop thread or processes; a later epoch starts them again."""
        if self._executor is not None:
            self._executor.shutdown(cancel_futures=True)
            self._executor = None

    def _ahead(self, jobs: Iterator[Job]) -> Iterator[Callable[[], Made]]:
        """Yield, in order, a function that waits for each batch, with the following ones under way."""
        if not self.num_workers and not self.prefetch:
            for job in jobs:
                yield lambda job=job: self._make(job)  # type: ignore[misc]
            return
        pending: deque[Future[Made]] = deque()
        try:
            for job in jobs:
                pending.append(self._submit(job))
                if len(pending) > 2 * max(1, self.num_workers):
                    yield pending.popleft().result
            while pending:
                yield pending.popleft().result
        finally:
            for future in pending:
                future.cancel()

    def _submit(self, job: Job) -> Future[Made]:
        try:
            if self._executor is None:
                self._executor = self._start()
            return self._executor.submit(_run if self.num_workers else self._make, job)
        except OSError as error:  # no room in /dev/shm, no more processes
            self.close()
            raise UserError(f"loader processes cannot be started ({error.strerror}): lower --num-workers") from None

    def _start(self) -> Executor:
        if not self.num_workers:
            return ThreadPoolExecutor(1, thread_name_prefix="loader")
        # fork shares the decoded images with the workers; spawn sends them once at the start (a mapped file by name).
        method = self.start_method or ("fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn")
        context = multiprocessing.get_context(method)
        return ProcessPoolExecutor(self.num_workers, context, initializer=_install, initargs=(self._make,))


_worker: BatchMaker | None = None


def _install(maker: BatchMaker) -> None:
    global _worker
    _worker = maker
    cv2.setNumThreads(0)
    # These reach the whole group; the parent alone decides, finishes its step and stops the workers.
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):  # Windows has no SIGHUP
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _leave_with_parent() -> None:
    """End this worker when its parent is gone, however that ended; otherwise it would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _run(job: Job) -> Made:
    assert _worker is not None
    return _worker(job)

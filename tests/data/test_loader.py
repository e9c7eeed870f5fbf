from __future__ import annotations

import dataclasses
import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import cv2
import numpy as np
import pytest

from uhd.data.batch import Batch
from uhd.data.config import DataConfig
from uhd.data.dataset import Dataset
from uhd.data.loader import Loader
from uhd.data.open import open_data, read_dataset
from uhd.data.problems import BAD_IMAGE, Report
from uhd.data.records import Record
from uhd.errors import UserError
from uhd.read import UnreadableImage
from uhd.resize import resize_image
from uhd.sample import Sample

SIZE, MODE = (16, 24), "opencv_inter_nearest"


def blend(
    sample: Sample,
    rng: np.random.Generator,
    size: tuple[int, int],
    mode: str,
    draw_partner: Callable[[np.random.Generator], Sample],
) -> Sample:
    """Mix with a partner and noise, so that every random draw shows in the pixels."""
    partner = draw_partner(rng)
    image = resize_image(sample.image, size, mode) // 2 + resize_image(partner.image, size, mode) // 2
    noise = rng.integers(0, 2, image.shape, dtype=np.uint8)
    return sample.with_image(image ^ noise)


def fail(sample: Sample, *_: object) -> Sample:
    raise ValueError(f"cannot transform {sample.name}")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory, picture) -> Dataset:
    folder = tmp_path_factory.mktemp("loader")
    for i in range(23):
        cv2.imwrite(str(folder / f"p{i:02d}.png"), picture(30 + i, 40, i))
        (folder / f"p{i:02d}.txt").write_text("0 .5 .5 .2 .2\n0 .2 .2 .1 .1"[: 14 * (i % 3)])
    config = DataConfig(image_dir=folder, img_size=SIZE)
    opened = open_data(config)
    return read_dataset(sorted(opened.train + opened.val, key=lambda r: r.image), config, opened.report, False)


@pytest.fixture
def make(dataset: Dataset) -> Iterator[Callable[..., Loader]]:
    made: list[Loader] = []

    def build(transform: object = blend, batch_size: int = 4, **options: object) -> Loader:
        made.append(Loader(dataset, transform, SIZE, MODE, batch_size, 7, **options))  # type: ignore[arg-type]
        return made[-1]

    yield build
    for loader in made:
        loader.close()


def same(a: list[Batch], b: list[Batch]) -> None:
    assert len(a) == len(b)
    for x, y in zip(a, b, strict=True):
        assert x.names == y.names
        for field in ("images", "boxes", "labels", "ignore"):
            np.testing.assert_array_equal(getattr(x, field), getattr(y, field))


@pytest.mark.parametrize(
    "options",
    [{"prefetch": False}, {"num_workers": 1}, {"num_workers": 3}, {"num_workers": 1, "start_method": "spawn"}],
)
def test_same_batches_for_any_workers(make, options: dict[str, object]) -> None:
    reference, other = make(), make(**options)
    for epoch in range(2):
        same(list(reference.epoch(epoch)), list(other.epoch(epoch)))


def test_length_and_coverage(make) -> None:
    loader = make()
    batches = list(loader.epoch(0))
    assert len(batches) == len(loader) == 5
    names = [name for batch in batches for name in batch.names]
    assert len(set(names)) == 20
    full = make(drop_last=False)
    assert sorted(name for batch in full.epoch(0) for name in batch.names) == sorted(
        record.image.as_posix() for record in full._make.dataset.records
    )
    assert len(full) == 6


def test_epochs_and_seeds_differ(make, dataset: Dataset) -> None:
    loader = make()
    first, second = list(loader.epoch(0)), list(loader.epoch(1))
    assert first[0].names != second[0].names
    same(first, list(loader.epoch(0)))
    other = Loader(dataset, blend, SIZE, MODE, 4, seed=8)
    assert next(other.epoch(0)).names != first[0].names
    other.close()


@pytest.mark.parametrize("workers", [0, 2])
def test_resume_in_the_middle(make, workers: int) -> None:
    loader = make(num_workers=workers)
    same(list(loader.epoch(3))[2:], list(loader.epoch(3, start_batch=2)))
    assert list(loader.epoch(3, start_batch=5)) == []


@pytest.mark.parametrize("workers", [0, 2])
def test_an_epoch_left_early_does_not_disturb_the_next(make, workers: int) -> None:
    loader = make(num_workers=workers)
    whole = list(loader.epoch(1))
    started = loader.epoch(0)
    next(started)
    started.close()
    same(whole, list(loader.epoch(1)))


@pytest.mark.parametrize("world", [2, 3])
def test_ranks_share_an_epoch(make, world: int) -> None:
    alone = make(batch_size=1, drop_last=False)
    ranks = [make(batch_size=1, drop_last=False, rank=rank, world=world) for rank in range(world)]
    assert len({len(rank) for rank in ranks}) == 1
    expected = list(alone.epoch(2))
    shares = [list(rank.epoch(2)) for rank in ranks]
    woven = [shares[i % world][i // world] for i in range(len(expected))]
    same(expected, woven)  # position p is augmented alike wherever it is computed


def test_without_transform_the_whole_image_is_resized_once(make, dataset: Dataset) -> None:
    batches = list(make(None, shuffle=False, drop_last=False).epoch(0))
    np.testing.assert_array_equal(np.concatenate([b.images for b in batches]), dataset.network_images(SIZE, MODE))


def test_a_batch_larger_than_the_data_set(make) -> None:
    loader = make(batch_size=64)
    assert [len(batch) for batch in loader.epoch(0)] == [23]
    assert loader.batch_size == 23  # what speed, and the place of a resumed run, are counted in


@pytest.mark.parametrize("workers", [0, 1])
def test_errors_of_the_transform_arrive(make, workers: int) -> None:
    with pytest.raises(ValueError, match="cannot transform"):
        list(make(fail, num_workers=workers).epoch(0))


def test_waiting_is_measured(make) -> None:
    def slow(sample: Sample, *_: object) -> Sample:
        time.sleep(0.005)
        return Sample(resize_image(sample.image, SIZE, MODE))

    waits = {}
    for prefetch in (False, True):
        loader = make(slow, prefetch=prefetch)
        for _ in loader.epoch(0):
            time.sleep(0.04)
        waits[prefetch] = loader.wait_seconds
    assert waits[False] > 0.09
    assert waits[True] < 0.7 * waits[False]


def test_killed_worker_is_explained(make) -> None:
    loader = make(num_workers=1)
    batches = loader.epoch(0)
    next(batches)
    (worker,) = loader._executor._processes  # type: ignore[union-attr]
    os.kill(worker, signal.SIGKILL)
    with pytest.raises(UserError, match="--num-workers"):
        list(batches)
    assert len(list(loader.epoch(0))) == 5  # new workers


def test_workers_that_are_gone_before_they_are_asked_are_explained(make) -> None:
    class Gone:
        def submit(self, *_: object) -> None:
            raise BrokenProcessPool

        def shutdown(self, **_: object) -> None:
            """Nothing is left."""

    loader = make(num_workers=1)
    loader._executor = Gone()
    with pytest.raises(UserError, match="--num-workers"):
        next(loader.epoch(0))


def test_processes_that_cannot_be_started_are_explained(make, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("uhd.data.loader.ProcessPoolExecutor", full)
    with pytest.raises(UserError, match=r"cannot be started \(No space left on device\): lower --num-workers"):
        next(make(num_workers=1).epoch(0))


@pytest.mark.parametrize("left", [0, 1])
def test_images_that_are_all_gone_end_the_run(make, left: int) -> None:
    loader = make(fail_to_read if not left else one_is_left, batch_size=4, num_workers=0)
    epochs = (batch for epoch in range(3) for batch in loader.epoch(epoch))
    if left:
        assert len(list(epochs)) == 3 * len(loader)
        return
    with pytest.raises(UserError, match="none of the last 24 images could be read again: is their disk still there"):
        list(epochs)


def fail_to_read(sample: Sample, *_: object) -> Sample:
    raise UnreadableImage(f"{sample.name}: gone")


def one_is_left(sample: Sample, rng: np.random.Generator, *more: object) -> Sample:
    if rng.random() < 0.7:
        return fail_to_read(sample)
    return Sample(resize_image(sample.image, SIZE, MODE))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 1.0])
def test_share_of_images_with_objects(make, dataset: Dataset, share: float) -> None:
    loader = make(object_share=share)
    has_object = np.array([len(record.boxes) > 0 for record in dataset.records])
    order = loader.order(0)
    assert len(order) == len(dataset)
    assert has_object[order].sum() == round(share * len(dataset))
    np.testing.assert_array_equal(order, make(object_share=share).order(0))
    same(list(loader.epoch(1)), list(make(object_share=share, num_workers=2).epoch(1)))


def test_impossible_settings(dataset: Dataset) -> None:
    with pytest.raises(ValueError, match="rank"):
        Loader(dataset, None, SIZE, MODE, 4, rank=2, world=2)


def test_the_order_draws_from_a_stream_of_its_own(make) -> None:
    loader = make(object_share=None)
    first_sample = np.random.default_rng([loader.seed, 3, 0]).permutation(23)
    assert not np.array_equal(loader.order(3), first_sample)


def test_stages_and_sizes_follow_the_epoch(make) -> None:
    def resized(sample: Sample, rng: object, size: tuple[int, int], mode: str, draw: object) -> Sample:
        return sample.with_image(resize_image(sample.image, size, mode))

    loader = make([blend, resized], stage_of=lambda e: int(e > 0), size_of=lambda e: (8 + e, 12), sampler=backwards)
    first, second = next(loader.epoch(0)), next(loader.epoch(1))
    assert first.images.shape == (4, 8, 12, 3)
    assert second.images.shape == (4, 9, 12, 3)
    dataset = loader._make.dataset
    last = dataset[len(dataset) - 1]
    np.testing.assert_array_equal(second.images[0], resize_image(last.image, (9, 12), MODE))
    assert not np.array_equal(first.images[0], resize_image(last.image, (8, 12), MODE))


def backwards(dataset: Dataset, rng: np.random.Generator) -> np.ndarray:
    return np.arange(len(dataset))[::-1]


@pytest.mark.parametrize("workers", [0, 1])
def test_an_image_that_breaks_during_training_does_not_end_it(tmp_path: Path, picture, workers: int) -> None:
    for i in range(6):
        cv2.imwrite(str(tmp_path / f"p{i}.png"), picture(30, 40, i))
        (tmp_path / f"p{i}.txt").write_text("0 .5 .5 .2 .2\n")
    config = DataConfig(image_dir=tmp_path, img_size=SIZE, cache="none", train_split=1, val_split=0)
    records = read_records(config)
    dataset = read_dataset(records, config, Report(), False)
    (tmp_path / "p2.png").write_bytes(b"gone")
    report = Report()
    loader = Loader(dataset, blend_alone, SIZE, MODE, 6, 7, workers, shuffle=False, report=report)
    batch = next(iter(loader.epoch(0)))
    loader.close()
    assert report.counts == {BAD_IMAGE: 1}
    assert "p2.png" in report.examples[BAD_IMAGE][0]
    assert (batch.images[2] == 114).all()
    assert (batch.labels[2] == -1).all()
    assert (batch.labels[[0, 1, 3, 4, 5], 0] == 0).all()


def blend_alone(sample: Sample, rng: object, size: tuple[int, int], mode: str, draw: object) -> Sample:
    return sample.with_image(resize_image(sample.image, size, mode))


def read_records(config: DataConfig) -> list[Record]:
    opened = open_data(dataclasses.replace(config, train_split=0.5, val_split=0.5))
    return sorted(opened.train + opened.val, key=lambda record: record.image)

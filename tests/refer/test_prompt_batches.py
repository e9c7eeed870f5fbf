"""Prompts of a training: of one kind in every process at every step, of other people in each."""

from __future__ import annotations

import numpy as np

from uhd.data.batch import Batch
from uhd.refer.model.vocabulary import Vocabulary
from uhd.refer.prompt_batches import PromptBatches

SHARES = {"text": 0.4, "point": 0.3, "scribble": 0.2, "box": 0.1}


class _Pictures:
    """Sixteen batches of two pictures with three people each, for one of several processes."""

    batch_size, wait_seconds, seed = 2, 0.0, 7

    def __init__(self, rank: int) -> None:
        self.rank = rank

    def __len__(self) -> int:
        return 16

    def epoch(self, epoch: int, start_batch: int = 0):
        boxes = np.tile(np.float32([[0, 0, 0.3, 1], [0.3, 0, 0.6, 1], [0.6, 0, 1, 1]]), (2, 1, 1))
        texts = ((("a",), ("b",), ("c",)),) * 2
        for _ in range(start_batch, len(self)):
            images, labels = np.zeros((2, 16, 16, 3), np.uint8), np.zeros((2, 3), np.int64)
            yield Batch(images, boxes, labels, np.zeros((2, 1, 4), np.float32), ("", ""), texts=texts)


def test_all_processes_ask_by_one_kind_and_each_draws_its_own() -> None:
    words = Vocabulary(("a", "b", "c"))
    first, second = (
        list(PromptBatches(_Pictures(rank), words, SHARES, 4, 3).epoch(1))
        for rank in range(2)  # type: ignore[arg-type]
    )
    assert [each.kind for each in first] == [each.kind for each in second]
    assert {each.kind for each in first} == set(SHARES)
    assert any((a.who != b.who).any() for a, b in zip(first, second, strict=True))
    resumed = list(PromptBatches(_Pictures(0), words, SHARES, 4, 3).epoch(1, 9))  # type: ignore[arg-type]
    for whole, later in zip(first[9:], resumed, strict=True):
        assert whole.kind == later.kind
        assert (whole.prompts == later.prompts).all()

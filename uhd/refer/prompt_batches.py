"""Training batches with prompts: pictures from the shared loader, and for each some prompts of one kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uhd.data.batch import Batch
from uhd.data.loader import Loader
from uhd.outlines import fill_outline
from uhd.refer.model.vocabulary import Vocabulary
from uhd.refer.prompts import jittered_box, point_in, scribble_in

MASK_STRIDE = 2
_KIND, _DRAW = (1,), (2,)  # streams of random numbers beside those of the loader


@dataclass(frozen=True, eq=False)
class PromptBatch:
    """B pictures with people, and P prompts for each, all of one kind.

    Attributes:
        images: (B, h, w, 3) uint8 RGB.
        boxes: (B, M, 4) float32 ``xyxy`` normalised, zero beyond each picture's own.
        labels: (B, M) int64, -1 beyond.
        ignore: (B, K, 4) float32 normalised regions.
        keypoints: (B, M, 17, 3) float32 normalised, with visibility; zero where not known.
        masks: (B, M, h / 2, w / 2) bool, empty where not known.
        kind: ``text``, ``point``, ``scribble`` or ``box``.
        prompts: words (B, P, L) int64, or points (B, P, K, 2) float32 in pixels.
        who: (B, P) int64, which person is meant; -1 where there is no prompt.
    """

    images: NDArray[np.uint8]
    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]
    ignore: NDArray[np.float32]
    keypoints: NDArray[np.float32]
    masks: NDArray[np.bool_]
    kind: str
    prompts: NDArray[np.int64] | NDArray[np.float32]
    who: NDArray[np.int64]


class PromptBatches:
    """The loader's batches with prompts that depend on seed, epoch and position alone; all processes ask by one kind.

    Args:
        loader: of the pictures.
        vocabulary: numbers the words.
        shares: how often each kind of prompt is drawn.
        per_image: P.
        longest: words of a text.

    Attributes:
        batch_size, wait_seconds: of the loader.
    """

    def __init__(
        self, loader: Loader, vocabulary: Vocabulary, shares: Mapping[str, float], per_image: int, longest: int
    ) -> None:
        self.loader, self.vocabulary, self.per_image, self.longest = loader, vocabulary, per_image, longest
        self.batch_size, self.wait_seconds = loader.batch_size, loader.wait_seconds
        total = sum(shares.values())
        self._kinds, self._shares = list(shares), [share / total for share in shares.values()]

    def __len__(self) -> int:
        return len(self.loader)

    def epoch(self, epoch: int, start_batch: int = 0) -> Iterator[PromptBatch]:
        """Yield the batches of an epoch (0-based), from ``start_batch`` on."""
        seed = self.loader.seed
        for i, batch in enumerate(self.loader.epoch(epoch, start_batch), start_batch):
            chosen = np.random.default_rng(np.random.SeedSequence([seed, epoch, i], spawn_key=_KIND))
            kind = str(chosen.choice(self._kinds, p=self._shares))
            entropy = [seed, epoch, i, self.loader.rank]
            rng = np.random.default_rng(np.random.SeedSequence(entropy, spawn_key=_DRAW))
            self.wait_seconds = self.loader.wait_seconds
            yield add_prompts(batch, kind, rng, self.vocabulary, self.per_image, self.longest)

    def close(self) -> None:
        """Stop the loader."""
        self.loader.close()


def add_prompts(
    batch: Batch, kind: str, rng: np.random.Generator, vocabulary: Vocabulary, per_image: int, longest: int
) -> PromptBatch:
    """Draw prompts for the people of a batch; where nobody has a text, a picture has no prompt of that kind.

    Args:
        batch: pictures, with what is known of the people.
        kind: of all prompts.
        rng: decides who is meant, and how.
        vocabulary, longest: for texts.
        per_image: P.
    """
    b, height, width = batch.images.shape[:3]
    people = batch.boxes.shape[1]
    keypoints = batch.keypoints if batch.keypoints is not None else np.zeros((b, people, 17, 3), np.float32)
    masks = masks_of(batch, (height // MASK_STRIDE, width // MASK_STRIDE))
    who = np.full((b, per_image), -1, np.int64)
    made: list[list[str] | list[NDArray[np.float32]]] = []
    for i in range(b):
        found = _texts(batch, i) if kind == "text" else [(int(m), "") for m in np.flatnonzero(batch.labels[i] >= 0)]
        chosen = [found[k] for k in _some(len(found), per_image, rng)]
        who[i, : len(chosen)] = [m for m, _ in chosen]
        if kind == "text":
            made.append([text for _, text in chosen] + [""] * (per_image - len(chosen)))
        else:
            made.append(_places(kind, chosen, batch.boxes[i], masks[i], (height, width), per_image, rng))
    if kind == "text":
        words = vocabulary.encode([str(text) for row in made for text in row], longest)
        prompts: NDArray[np.int64] | NDArray[np.float32] = words.reshape(b, per_image, -1)
    else:
        prompts = np.stack([np.stack([np.asarray(each, np.float32) for each in row]) for row in made])
    return PromptBatch(
        batch.images, batch.boxes, batch.labels, batch.ignore, keypoints, masks, kind, prompts, who
    )  # fmt: skip


def masks_of(batch: Batch, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the masks (B, M, h, w) of a batch at a size (h, w), empty where none is known."""
    masks = np.zeros((*batch.boxes.shape[:2], *size), bool)
    for i, outlines in enumerate(batch.masks or ()):
        for m, outline in enumerate(outlines):
            masks[i, m] = fill_outline(outline, size)
    return masks


def place_prompt(
    kind: str, box: NDArray[np.float32], mask: NDArray[np.bool_], size: tuple[int, int], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return the points (K, 2) in pixels of a point, a scribble or the corners of an inexact box that mean a person.

    Args:
        kind: of the prompt.
        box: (4,) ``xyxy`` normalised.
        mask: (h, w) at any size; where it is empty, the middle of the box stands for it.
        size: (H, W) of the picture in pixels.
        rng: decides which.
    """
    extent = np.array([size[1], size[0]], np.float32)
    if kind == "box":
        return (jittered_box(box, rng).reshape(2, 2) * extent).astype(np.float32)
    if not mask.any():
        middle = (box[:2] + box[2:]) / 2 * extent
        return np.tile(middle, (1 if kind == "point" else 12, 1)).astype(np.float32)
    drawn = point_in(mask, rng)[None] if kind == "point" else scribble_in(mask, rng)
    return (drawn * (extent / mask.shape[::-1])).astype(np.float32)


def _texts(batch: Batch, i: int) -> list[tuple[int, str]]:
    if batch.texts is None:
        return []
    return [(m, text) for m, texts in enumerate(batch.texts[i]) for text in texts]


def _some(count: int, wanted: int, rng: np.random.Generator) -> list[int]:
    """Return ``wanted`` of ``count`` places in random order, each as often as any other; none of none."""
    if not count:
        return []
    rounds = -(-wanted // count)
    return [int(k) for k in np.concatenate([rng.permutation(count) for _ in range(rounds)])[:wanted]]


def _places(
    kind: str,
    chosen: Sequence[tuple[int, str]],
    boxes: NDArray[np.float32],
    masks: NDArray[np.bool_],
    size: tuple[int, int],
    count: int,
    rng: np.random.Generator,
) -> list[NDArray[np.float32]]:
    found = [place_prompt(kind, boxes[m], masks[m], size, rng) for m, _ in chosen]
    points = {"point": 1, "scribble": 12, "box": 2}[kind]
    return found + [np.zeros((points, 2), np.float32)] * (count - len(found))

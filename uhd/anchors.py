"""Anchor sizes from labels, after the original's algorithms."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Sizes = NDArray[np.float32]
DEFAULT_ANCHORS = ((0.1, 0.1), (0.2, 0.2), (0.3, 0.3))
ALGORITHMS = ("kmeans", "logkmeans", "stratified", "stratified_large", "sml_fixed")


_BETWEEN = str.maketrans(",;[]", "    ")


def parse_anchors(text: str) -> tuple[tuple[float, float], ...]:
    """Parse ``"w,h w,h ..."`` or JSON ``[[w, h], ...]``, sizes normalised to the image.

    Raises:
        ValueError: an odd number of values, or one that is not a positive number.
    """
    numbers = [float(part) for part in text.translate(_BETWEEN).split()]
    if len(numbers) % 2 or any(not 0 < number < 100 for number in numbers):
        raise ValueError('is not a list of sizes "w,h w,h ..."')
    return tuple(zip(numbers[::2], numbers[1::2], strict=True))


def wh_iou(a: Sizes, b: Sizes, eps: float = 1e-9) -> NDArray[np.float32]:
    """Return the (N, K) IoU of sizes (N, 2) and (K, 2) that share a centre."""
    overlap = np.minimum(a[:, None, 0], b[None, :, 0]) * np.minimum(a[:, None, 1], b[None, :, 1])
    return np.asarray(overlap / (a.prod(1)[:, None] + b.prod(1)[None] - overlap + eps))


def best_possible_recall(sizes: Sizes, anchors: Sizes, ratio: float = 4.0) -> float:
    """Return the share of boxes (N, 2) that have an anchor (K, 2) within ``ratio`` of their width and of their height.

    A box without one is hard to learn whatever the mean overlap says; 0 where there is no box.
    """
    if not len(sizes):
        return 0.0
    shape = sizes[:, None] / anchors[None]
    return float((np.maximum(shape, 1 / shape).max(2).min(1) < ratio).mean())


def auto_anchors(wh: Sizes, k: int, algorithm: str = "kmeans", bias: float = 0.2) -> Sizes:
    """Choose k anchors for the label sizes (n, 2), sorted by area; zeros when there are no labels.

    Args:
        wh: label widths and heights, normalised; entries that are not positive are left out.
        k: how many.
        algorithm: one of ``ALGORITHMS``.
        bias: of ``stratified_large``: smaller spends more anchors on large boxes.
    """
    sizes = np.asarray(wh, np.float32).reshape(-1, 2)
    sizes = sizes[(sizes > 0).all(1)]
    if not len(sizes):
        return np.zeros((k, 2), np.float32)
    rng = np.random.default_rng(0)
    if len(sizes) < k:
        sizes = np.concatenate([sizes, sizes[rng.choice(len(sizes), k - len(sizes), replace=True)]])
    if algorithm == "kmeans":
        found = _kmeans(sizes, k, rng)
    elif algorithm == "logkmeans":
        found = np.exp(_euclidean_kmeans(np.log(np.clip(sizes, 1e-6, None)), k, rng))
    elif algorithm in ("stratified", "stratified_large"):
        power = bias if algorithm == "stratified_large" else 1.0
        found = _stratified(sizes, np.linspace(0, 1, k + 1) ** power)
    elif algorithm == "sml_fixed":
        found = _small_medium_large(sizes, k, rng)
    else:
        raise ValueError(f"unknown algorithm {algorithm!r}: choose from {', '.join(ALGORITHMS)}")
    found = np.asarray(found, np.float32)
    return found[np.argsort(found.prod(1), kind="stable")]


def _kmeans(sizes: Sizes, k: int, rng: np.random.Generator, rounds: int = 20) -> Sizes:
    centres = sizes[rng.choice(len(sizes), k, replace=False)]
    for _ in range(rounds):
        owner = wh_iou(sizes, centres).argmax(1)
        updated = _means(sizes, owner, centres)
        if np.allclose(updated, centres):
            return updated
        centres = updated
    return centres


def _euclidean_kmeans(points: Sizes, k: int, rng: np.random.Generator, rounds: int = 20) -> Sizes:
    centres = points[rng.choice(len(points), k, replace=False)]
    for _ in range(rounds):
        owner = ((points[:, None] - centres[None]) ** 2).sum(2).argmin(1)
        updated = _means(points, owner, centres)
        if np.allclose(updated, centres):
            return updated
        centres = updated
    return centres


def _means(points: Sizes, owner: NDArray[np.int64], old: Sizes) -> Sizes:
    return np.stack([points[owner == i].mean(0) if (owner == i).any() else old[i] for i in range(len(old))])


def _stratified(sizes: Sizes, edges: NDArray[np.float64]) -> Sizes:
    ordered = sizes[np.argsort(sizes.prod(1), kind="stable")]
    cut = np.clip(np.round(edges * len(ordered)).astype(int), 0, len(ordered))
    chosen: list[Sizes] = []
    for low, high in pairwise(cut):
        start = min(int(low), len(ordered) - 1)
        chosen.append(np.median(ordered[start : max(int(high), start + 1)], axis=0))
    return np.stack(chosen)


def _small_medium_large(sizes: Sizes, k: int, rng: np.random.Generator) -> Sizes:
    ordered = sizes[np.argsort(sizes.prod(1), kind="stable")]
    parts: Sequence[Sizes] = np.array_split(ordered, 3)
    found = [np.median(part, axis=0)[None] for part in parts if len(part)][:k]
    remaining = k - len(found)
    # Largest first, because the original draws its random starts in that order.
    for i in (2, 1, 0):
        part = parts[i]
        share = remaining // 3 + (i < remaining % 3)
        if share and len(part):
            found.append(_kmeans(part, min(share, len(part)), rng))
    result = np.concatenate(found)
    while len(result) < k:
        result = np.concatenate([result, result[: k - len(result)]])
    return result

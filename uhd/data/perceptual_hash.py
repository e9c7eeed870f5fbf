"""Pictures that look the same: saved again, made smaller, a little brighter, or mirrored."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 32
_LOW = 8  # frequencies each way
_BITS_APART = 8  # of 63
_LEVELS_APART = 7.0  # mean over the thumbnail, after its own mean is taken off
_FLAT = 5.0  # standard deviation below which a picture is too empty to be told from others
_BLOCK = 2048


def thumbnail(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a picture (H, W, 3) as (32, 32) uint8 gray."""
    small = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)


def hash_signs(thumbnails: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the perceptual hash of thumbnails (N, 32, 32) as signs (N, 63), -1 or 1.

    A bit says whether one of the lowest frequencies of the picture is above their median (C. Zauner, Implementation and
    Benchmarking of Perceptual Image Hash Functions, 2010, https://phash.org/docs/pubs/thesis_zauner.pdf).
    """
    at = np.arange(SIDE)
    basis = np.cos(np.pi / SIDE * (at[None] + 0.5) * np.arange(_LOW)[:, None])
    low = np.einsum("ki,nij,lj->nkl", basis, thumbnails.astype(np.float64), basis, optimize=True)
    low = low.reshape(len(thumbnails), -1)[:, 1:]  # without the mean
    return np.where(low > np.median(low, 1, keepdims=True), 1, -1).astype(np.float32)


def look_alike(thumbnails: Sequence[NDArray[np.uint8]]) -> list[tuple[int, int]]:
    """Return the pairs (i, j), i < j, of thumbnails (32, 32) of pictures that look the same, mirrored ones included.

    Hashes find candidates; the thumbnails themselves decide.
    """
    if len(thumbnails) < 2:
        return []
    stack = np.stack(thumbnails)
    level = stack - stack.mean((1, 2), keepdims=True)
    rich = stack.std((1, 2)) >= _FLAT
    signs = hash_signs(stack)
    found: set[tuple[int, int]] = set()
    for flipped in (False, True):
        others = hash_signs(stack[:, :, ::-1]) if flipped else signs
        for start in range(0, len(stack), _BLOCK):
            # The product of signs is 63 less twice the bits that differ.
            near = signs[start : start + _BLOCK] @ others.T >= signs.shape[1] - 2 * _BITS_APART
            for i, j in np.argwhere(near).tolist():
                i += start
                if i < j and rich[i] and rich[j]:
                    other = level[j][:, ::-1] if flipped else level[j]
                    if np.abs(level[i] - other).mean() <= _LEVELS_APART:
                        found.add((i, j))
    return sorted(found)


def groups_of(pairs: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Return the sets of numbers that pairs connect, each sorted."""
    leader: dict[int, int] = {}

    def first(i: int) -> int:
        while leader.setdefault(i, i) != i:
            i = leader[i]
        return i

    for i, j in pairs:
        a, b = sorted((first(i), first(j)))
        leader[b] = a
    groups: dict[int, list[int]] = {}
    for i in sorted(leader):
        groups.setdefault(first(i), []).append(i)
    return list(groups.values())

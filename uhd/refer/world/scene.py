"""A scene: up to four figures before a background, the nearer ones in front, with exact masks and keypoints."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from uhd.refer.world.figure import EYE, NOSE, POSES, Figure, draw_figure, draw_held
from uhd.refer.world.palette import CLOTHES, HAIR, SKIN, textured_background

HELD = ("ball", "bag", "umbrella")
_SHOWN = 0.3  # least share of a figure that must be seen; who shows less is not in the scene
_FACE = (NOSE, EYE, EYE + 1)


@dataclass(frozen=True, eq=False)
class Person:
    """A figure as it is seen.

    Attributes:
        figure: what was painted.
        mask: (H, W) bool, its pixels that nothing covers, without what it holds.
        keypoints: (17, 3) float32, x and y in pixels and COCO's visibility: 2 seen, 1 covered, 0 outside (x = y = 0).
        box: (4,) float32 ``xyxy`` in pixels around the mask.
    """

    figure: Figure
    mask: NDArray[np.bool_]
    keypoints: NDArray[np.float32]
    box: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Scene:
    """A picture and the people in it, from the farthest to the nearest.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        people: at least one.
    """

    image: NDArray[np.uint8]
    people: tuple[Person, ...]


def draw_scene(rng: np.random.Generator, size: tuple[int, int] = (256, 256), most: int = 4) -> Scene:
    """Return a scene of 1 to ``most`` figures, of ``size`` (height, width) pixels; the same for the same ``rng``."""
    while True:
        count = int(rng.integers(1, most + 1))
        figures = sorted((_some_figure(rng, size) for _ in range(count)), key=lambda figure: figure.feet)
        scene = paint(figures, textured_background(size, rng), rng)
        if scene is not None:
            return scene


def paint(figures: list[Figure], background: NDArray[np.uint8], rng: np.random.Generator) -> Scene | None:
    """Paint figures, farthest first, over a background; None when one of them is hidden too much.

    Light and sensor noise come last, so that masks stay those of what was painted.
    """
    canvas = background.copy()
    owner = np.full(canvas.shape[:2], -1)
    whole = []
    for i, figure in enumerate(figures):
        covered = draw_figure(canvas, figure)
        whole.append(covered)
        owner[covered] = i
        # What is held covers people and is none.
        owner[draw_held(canvas, figure)] = -1
    people = []
    for i, figure in enumerate(figures):
        mask = owner == i
        if mask.sum() < max(40, _SHOWN * _full_area(figure, whole[i])):
            return None
        people.append(Person(figure, mask, _keypoints(figure, owner, i), _box(mask)))
    light = (
        np.float32(rng.uniform(0.75, 1.15)) + np.linspace(-0.1, 0.1, canvas.shape[1], dtype=np.float32)[None, :, None]
    )
    noisy = canvas * light + rng.normal(0, rng.uniform(0, 6), canvas.shape)
    return Scene(np.clip(noisy, 0, 255).round().astype(np.uint8), tuple(people))


def _some_figure(rng: np.random.Generator, size: tuple[int, int]) -> Figure:
    height, width = size
    depth = rng.uniform(0, 1)  # 0 far, 1 near: the nearer, the lower and the taller
    tall = height * (0.28 + 0.42 * depth) * rng.uniform(0.88, 1.12)
    names = list(CLOTHES)
    shirt = str(rng.choice(names))
    return Figure(
        x=float(rng.uniform(0.08, 0.92) * width),
        feet=float(height * (0.58 + 0.36 * depth)),
        height=float(tall),
        pose=str(rng.choice(list(POSES))),
        shirt=shirt,
        trousers=str(rng.choice([name for name in names if name != shirt])),
        skin=SKIN[int(rng.integers(len(SKIN)))],
        hair=HAIR[int(rng.integers(len(HAIR)))],
        from_behind=bool(rng.random() < 0.2),
        held=str(rng.choice(HELD)) if rng.random() < 0.3 else "",
        jitter=tuple(float(value) for value in rng.normal(0, 4, 8)),
    )


def shifted(figure: Figure, x: float, y: float) -> Figure:
    """Return the figure moved by x and y pixels."""
    return replace(figure, x=figure.x + x, feet=figure.feet + y)


def _full_area(figure: Figure, covered: NDArray[np.bool_]) -> float:
    """Return how many pixels the figure covers in the picture and beyond its border."""
    joints = figure.joints
    low, high = np.minimum(joints.min(0), 0), np.maximum(joints.max(0), covered.shape[::-1])
    if (low >= 0).all() and (high <= covered.shape[::-1]).all():
        return float(covered.sum())
    margin = round(0.1 * figure.height)
    left, top = (-low + margin).round().astype(int)
    shape = (int(high[1] + top + margin), int(high[0] + left + margin), 3)
    return float(draw_figure(np.zeros(shape, np.uint8), shifted(figure, left, top)).sum())


def _keypoints(figure: Figure, owner: NDArray[np.int64], own: int) -> NDArray[np.float32]:
    points = figure.joints
    height, width = owner.shape
    x, y = points.round().astype(int).T
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    seen = np.zeros(17, bool)
    seen[inside] = owner[y[inside], x[inside]] == own
    if figure.from_behind:
        seen[list(_FACE)] = False
    visibility = np.where(inside, np.where(seen, 2, 1), 0)
    table = np.concatenate([points, visibility[:, None]], 1).astype(np.float32)
    table[~inside] = 0
    return table


def _box(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float32)

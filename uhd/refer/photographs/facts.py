"""What can be said of the people of a photograph from their boxes, keypoints, masks and pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from uhd.keypoints import KEYPOINT_NAMES
from uhd.objects import Objects
from uhd.outlines import fill_outline
from uhd.refer.world.describe import Fact, order_facts, size_facts

_NUMBER = {name: i for i, name in enumerate(KEYPOINT_NAMES)}
_TORSO = [_NUMBER[name] for name in ("left_shoulder", "right_shoulder", "right_hip", "left_hip")]
_CLEAR = 0.6  # least share of the torso that has one colour
_FEWEST = 30  # pixels of a torso that a colour is read from
_GRAY, _DARK, _LIGHT, _FAINT = 60, 60, 185, 90  # saturation and value, 0 to 255
# Upper ends of hue, in OpenCV's half degrees; red closes the circle.
_HUES = ((8, "red"), (20, "orange"), (34, "yellow"), (85, "green"), (130, "blue"), (160, "purple"), (180, "red"))
_FOLDED = 0.55  # of a torso's length: a thigh that shows less of itself points at the viewer


def photograph_facts(image: NDArray[np.uint8], people: Objects) -> list[Fact]:
    """Return facts about the people of an RGB photograph (H, W, 3), each with everybody whom it is true of.

    Order and size come from boxes. A colour or a pose is spoken of only where it is known of everybody: somebody whose
    shirt nobody can name may wear a red one, too. Nothing at all is said beside a crowd.

    Args:
        image: the photograph.
        people: everybody who is annotated there, normalised.
    """
    if len(people) > people.count or not len(people):
        return []
    height, width = image.shape[:2]
    extent = np.array([width, height], np.float32)
    boxes = people.boxes * np.tile(extent, 2)
    found = order_facts(boxes, width) + size_facts((boxes[:, 3] - boxes[:, 1]).tolist())
    if people.keypoints is None:
        return found
    points = people.keypoints * np.append(extent, 1).astype(np.float32)
    outlines = people.masks or ((),) * len(people)
    masks = [fill_outline(outline, (height, width)) for outline in outlines]
    colours = [torso_colour(image, own, mask) for own, mask in zip(points, masks, strict=True)]
    poses = [pose_words(own) for own in points]
    found += _grouped("colour", colours, "{} in the %s shirt".__mod__)
    return found + _grouped("pose", poses, "{} %s".__mod__)


def torso_colour(image: NDArray[np.uint8], keypoints: NDArray[np.float32], mask: NDArray[np.bool_]) -> str | None:
    """Return the name of the colour between shoulders and hips, None where there is no telling.

    Args:
        image: (H, W, 3) RGB.
        keypoints: (17, 3) in pixels.
        mask: (H, W) of the person; empty where not known.
    """
    corners = keypoints[_TORSO]
    if not (corners[:, 2] > 0).all():
        return None
    shown = np.zeros(image.shape[:2], np.uint8)
    cv2.fillPoly(shown, [corners[:, :2].round().astype(np.int32)], 1)
    inside = (shown > 0) & mask if mask.any() else shown > 0
    pixels = image[inside]
    if len(pixels) < _FEWEST:
        return None
    names, counts = np.unique(_colour_names(pixels), return_counts=True)
    best = int(counts.argmax())
    return str(names[best]) if names[best] and counts[best] >= _CLEAR * len(pixels) else None


def pose_words(keypoints: NDArray[np.float32]) -> str | None:
    """Return what arms or legs do, "" for nothing worth a word, None where the keypoints do not tell.

    Args:
        keypoints: (17, 3) in pixels.
    """
    if not (keypoints[_TORSO, 2] > 0).all():
        return None
    place = keypoints[:, :2]
    down = place[_TORSO[2:]].mean(0) - place[_TORSO[:2]].mean(0)
    length = float(np.linalg.norm(down))
    if length < 1:
        return None
    down = down / length
    raised, folded = [], []
    for side in ("left", "right"):
        shoulder, wrist = _NUMBER[f"{side}_shoulder"], _NUMBER[f"{side}_wrist"]
        hip, knee = _NUMBER[f"{side}_hip"], _NUMBER[f"{side}_knee"]
        if keypoints[wrist, 2] > 0:
            raised.append(side if (place[wrist] - place[shoulder]) @ down < -0.25 * length else "")
        if keypoints[knee, 2] > 0:
            folded.append((place[knee] - place[hip]) @ down < _FOLDED * length)
    if len(raised) < 2:
        return None
    up = [side for side in raised if side]
    if up:
        return "raising both arms" if len(up) == 2 else f"raising the {up[0]} arm"
    if len(folded) < 2:
        return None
    return "sitting" if all(folded) else ""


def _colour_names(pixels: NDArray[np.uint8]) -> NDArray[np.str_]:
    """Return the names (N,) of RGB pixels (N, 3), "" for those between two names."""
    hue, saturation, value = cv2.cvtColor(pixels[None], cv2.COLOR_RGB2HSV)[0].T.astype(int)
    ends = np.array([end for end, _ in _HUES])
    names = np.array([name for _, name in _HUES])[np.searchsorted(ends, hue, side="right").clip(max=len(_HUES) - 1)]
    names = np.where((saturation < _GRAY) | (value < _FAINT), "", names)
    names = np.where((saturation < _GRAY) & (value > _LIGHT), "white", names)
    return np.asarray(np.where(value < _DARK, "black", names))


def _grouped(kind: str, values: Sequence[str | None], words: Callable[[str], str]) -> list[Fact]:
    if None in values:
        return []
    known = [each or "" for each in values]
    return [
        Fact(kind, words(each), frozenset(i for i, other in enumerate(known) if other == each), each)
        for each in dict.fromkeys(known)
        if each
    ]

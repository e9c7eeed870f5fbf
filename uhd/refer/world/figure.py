"""One articulated figure: where its joints are in a pose, and how it is painted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from uhd.refer.world.palette import CLOTHES

Points = NDArray[np.float64]

# Place of COCO's 17 keypoints in rows.
NOSE, EYE, EAR, SHOULDER, ELBOW, WRIST, HIP, KNEE, ANKLE = 0, 1, 3, 5, 7, 9, 11, 13, 15
# Lengths in heights of the standing figure.
_HEAD, _NECK, _SHOULDER, _TORSO, _HIP = 0.062, 0.045, 0.105, 0.29, 0.075
_UPPER_ARM, _FOREARM, _THIGH, _SHIN = 0.165, 0.15, 0.245, 0.235
_STANDING = 2 * _HEAD + _NECK + _TORSO + _THIGH + _SHIN


class Limbs(NamedTuple):
    """Angles of one side in degrees from hanging down, outwards positive; the lower one counts from the upper."""

    shoulder: float = 12
    elbow: float = 5
    hip: float = 4
    knee: float = 0
    thigh: float = 1  # its length as seen: below 1 where it points at the viewer


class Pose(NamedTuple):
    """Limbs of the person's own left and right side."""

    left: Limbs = Limbs()
    right: Limbs = Limbs()


_UP = Limbs(shoulder=165, elbow=10)
_OUT = Limbs(shoulder=88, elbow=2)
_SEAT = Limbs(shoulder=14, elbow=8, hip=18, knee=-16, thigh=0.35)
# What a description says of a figure in it; no words where nothing about it is worth saying.
POSES: Mapping[str, Pose] = {
    "": Pose(),
    "walking": Pose(Limbs(24, 20, 16, -6), Limbs(20, 22, -10, -10)),
    "raising the left arm": Pose(_UP, Limbs()),
    "raising the right arm": Pose(Limbs(), _UP),
    "raising both arms": Pose(_UP, _UP),
    "stretching out both arms": Pose(_OUT, _OUT),
    "sitting": Pose(_SEAT, _SEAT),
}


@dataclass(frozen=True)
class Figure:
    """One person of a scene.

    Attributes:
        x, feet: where the feet stand, in pixels.
        height: when standing, in pixels.
        pose: key of ``POSES``.
        shirt, trousers: keys of ``CLOTHES``.
        skin, hair: RGB.
        from_behind: whether the face is turned away; left and right then stand as in the picture.
        held: what the person's right hand holds, or "".
        jitter: degrees added to the eight limb angles, in the order left, right.
    """

    x: float
    feet: float
    height: float
    pose: str = ""
    shirt: str = "red"
    trousers: str = "blue"
    skin: tuple[int, int, int] = (224, 172, 126)
    hair: tuple[int, int, int] = (40, 28, 22)
    from_behind: bool = False
    held: str = ""
    jitter: tuple[float, ...] = (0.0,) * 8

    @property
    def joints(self) -> Points:
        """The 17 keypoints (17, 2), x and y in pixels."""
        return joints_of(self)


def joints_of(figure: Figure) -> Points:
    """Return COCO's 17 keypoints (17, 2) of a figure, x and y in pixels, seen or not."""
    pose = POSES[figure.pose]
    sides = []
    for i, limbs in enumerate(pose):
        a, b, c, d = figure.jitter[4 * i : 4 * i + 4]
        sides.append(
            limbs._replace(shoulder=limbs.shoulder + a, elbow=limbs.elbow + b, hip=limbs.hip + c, knee=limbs.knee + d)
        )
    # The legs decide how high the hips are: the lower foot stands on the floor.
    drop = max(_leg_drop(limbs) for limbs in sides)
    points = np.zeros((17, 2))
    hip_y, shoulder_y = -drop, -drop - _TORSO
    face = shoulder_y - _NECK - _HEAD
    points[NOSE] = (0, face + 0.1 * _HEAD)
    for side, (limbs, sign) in enumerate(zip(sides, (1, -1), strict=True)):
        points[EYE + side] = (sign * 0.38 * _HEAD, face - 0.15 * _HEAD)
        points[EAR + side] = (sign * 0.95 * _HEAD, face)
        points[SHOULDER + side] = (sign * _SHOULDER, shoulder_y)
        points[ELBOW + side] = points[SHOULDER + side] + _step(limbs.shoulder, sign, _UPPER_ARM)
        points[WRIST + side] = points[ELBOW + side] + _step(limbs.shoulder + limbs.elbow, sign, _FOREARM)
        points[HIP + side] = (sign * _HIP, hip_y)
        points[KNEE + side] = points[HIP + side] + _step(limbs.hip, sign, _THIGH * limbs.thigh)
        points[ANKLE + side] = points[KNEE + side] + _step(limbs.hip + limbs.knee, sign, _SHIN)
    # Who faces the viewer has the left side on the right of the picture.
    points[:, 0] *= -1 if figure.from_behind else 1
    return points * (figure.height / _STANDING) + (figure.x, figure.feet)


def draw_figure(canvas: NDArray[np.uint8], figure: Figure) -> NDArray[np.bool_]:
    """Paint a figure onto an RGB canvas (H, W, 3) and return the pixels (H, W) that it covers."""
    points, unit = figure.joints, figure.height / _STANDING
    shirt, trousers = CLOTHES[figure.shirt], CLOTHES[figure.trousers]
    covered = np.zeros(canvas.shape[:2], np.uint8)

    def capsule(a: int, b: int, width: float, colour: tuple[int, int, int]) -> None:
        _line(canvas, covered, points[a], points[b], max(2, round(width * unit)), colour)

    for side in (0, 1):
        capsule(HIP + side, KNEE + side, 0.085, trousers)
        capsule(KNEE + side, ANKLE + side, 0.07, trousers)
        foot = points[ANKLE + side] + (0, 0.012 * unit)
        _disc(canvas, covered, foot, 0.04 * unit, (45, 40, 38))
    torso = np.concatenate([points[[SHOULDER, SHOULDER + 1]], points[[HIP + 1, HIP]]])
    _polygon(canvas, covered, _grown(torso, 0.02 * unit), shirt)
    for side in (0, 1):
        capsule(SHOULDER + side, ELBOW + side, 0.065, shirt)
        capsule(ELBOW + side, WRIST + side, 0.05, shirt)
        _disc(canvas, covered, points[WRIST + side], 0.03 * unit, figure.skin)
    neck = points[[SHOULDER, SHOULDER + 1]].mean(0)
    head = points[[EAR, EAR + 1]].mean(0)
    _line(canvas, covered, neck, head, max(2, round(0.05 * unit)), figure.skin)
    _disc(canvas, covered, head, _HEAD * unit, figure.hair if figure.from_behind else figure.skin)
    if not figure.from_behind:
        _cap(canvas, covered, head, _HEAD * unit, figure.hair)
        for eye in (EYE, EYE + 1):
            cv2.circle(canvas, _pixel(points[eye]), max(1, round(0.009 * unit)), (25, 25, 25), -1, cv2.LINE_AA)
    return covered > 0


def draw_held(canvas: NDArray[np.uint8], figure: Figure) -> NDArray[np.bool_]:
    """Paint what the right hand holds, if anything, and return the pixels (H, W) that it covers."""
    covered = np.zeros(canvas.shape[:2], np.uint8)
    hand, unit = figure.joints[WRIST + 1], figure.height / _STANDING
    if figure.held == "ball":
        _disc(canvas, covered, hand + np.array((0, 0.05 * unit)), 0.06 * unit, (235, 120, 160))
    elif figure.held == "bag":
        low = hand + np.array((0, 0.11 * unit))
        corners = low + np.array([[-0.06, -0.06], [0.06, -0.06], [0.07, 0.07], [-0.07, 0.07]]) * unit
        _polygon(canvas, covered, corners, (120, 84, 48))
        _line(canvas, covered, hand, low, max(1, round(0.015 * unit)), (90, 60, 36))
    elif figure.held == "umbrella":
        top = hand - (0, 0.42 * unit)
        _line(canvas, covered, hand + np.array((0, 0.05 * unit)), top, max(1, round(0.015 * unit)), (60, 60, 64))
        angles = np.linspace(np.pi, 2 * np.pi, 24)
        arc = top + np.stack([np.cos(angles), 0.55 * np.sin(angles)], 1) * 0.24 * unit
        _polygon(canvas, covered, arc, (40, 160, 170))
    return covered > 0


def _leg_drop(limbs: Limbs) -> float:
    thigh, shin = np.deg2rad(limbs.hip), np.deg2rad(limbs.hip + limbs.knee)
    return float(_THIGH * limbs.thigh * np.cos(thigh) + _SHIN * np.cos(shin))


def _step(angle: float, sign: int, length: float) -> Points:
    turned = np.deg2rad(angle)
    return np.array([sign * np.sin(turned), np.cos(turned)]) * length


def _pixel(point: Points) -> tuple[int, int]:
    return round(float(point[0])), round(float(point[1]))


def _grown(polygon: Points, by: float) -> Points:
    outwards = polygon - polygon.mean(0)
    return np.asarray(polygon + by * outwards / np.maximum(np.linalg.norm(outwards, axis=1, keepdims=True), 1e-9))


def _line(
    canvas: NDArray[np.uint8],
    covered: NDArray[np.uint8],
    a: Points,
    b: Points,
    width: int,
    colour: tuple[int, int, int],
) -> None:
    cv2.line(canvas, _pixel(a), _pixel(b), colour, width, cv2.LINE_AA)
    cv2.line(covered, _pixel(a), _pixel(b), 1, width)


def _disc(
    canvas: NDArray[np.uint8], covered: NDArray[np.uint8], at: Points, radius: float, colour: tuple[int, int, int]
) -> None:
    cv2.circle(canvas, _pixel(at), max(1, round(radius)), colour, -1, cv2.LINE_AA)
    cv2.circle(covered, _pixel(at), max(1, round(radius)), 1, -1)


def _cap(
    canvas: NDArray[np.uint8], covered: NDArray[np.uint8], head: Points, radius: float, colour: tuple[int, int, int]
) -> None:
    size = (max(1, round(radius)), max(1, round(radius * 0.95)))
    centre = _pixel(head - (0, radius * 0.1))
    cv2.ellipse(canvas, centre, size, 0, 180, 360, colour, -1, cv2.LINE_AA)
    cv2.ellipse(covered, centre, size, 0, 180, 360, 1, -1)


def _polygon(
    canvas: NDArray[np.uint8], covered: NDArray[np.uint8], corners: Points, colour: tuple[int, int, int]
) -> None:
    whole = corners.round().astype(np.int32)
    cv2.fillPoly(canvas, [whole], colour, cv2.LINE_AA)
    cv2.fillPoly(covered, [whole], 1)

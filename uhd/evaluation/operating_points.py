"""What a threshold buys: how many people are found at a precision, or at so many false alarms per image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from uhd.evaluation.report import Curve

# Of the mean number of false alarms per image: what a camera that must not cry wolf, and a patient one, may have.
ALARMS = (0.01, 0.1)
PRECISION = 0.9


def at_precision(curve: Curve, least: float) -> tuple[float, float]:
    """Return threshold and recall of the lowest threshold whose precision is at least ``least``, each 0 to 1.

    Where no threshold reaches it, the threshold is 1 and the recall 0.
    """
    return _last(curve, curve.precision >= least - 1e-12)


def at_alarms(curve: Curve, per_image: float, images: int) -> tuple[float, float]:
    """Return threshold and recall of the lowest threshold with at most so many false alarms per image, each 0 to 1.

    As the miss rate of Dollar et al., "Pedestrian Detection: An Evaluation of the State of the Art", 2012
    (https://doi.org/10.1109/TPAMI.2011.155), counted the other way round: alarms of all images over all images.

    Args:
        curve: at IoU 0.5.
        per_image: the mean over the images.
        images: how many were looked at.
    """
    alarms = np.rint((1 - curve.precision) * np.arange(1, len(curve.scores) + 1))
    return _last(curve, alarms <= per_image * images + 1e-9)


def _last(curve: Curve, allowed: NDArray[np.bool_]) -> tuple[float, float]:
    """Return threshold and recall of the last point that is allowed; recall only grows along the curve."""
    points = np.flatnonzero(allowed & curve.ends)
    if not len(points):
        return 1.0, 0.0
    return float(curve.scores[points[-1]]), float(curve.recall[points[-1]])

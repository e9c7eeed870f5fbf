"""IDF1: of all boxes, the share that carries the right number."""

from __future__ import annotations

import numpy as np

from uhd.evaluation.tracks.hota import boxes_of
from uhd.evaluation.tracks.overlaps import Overlaps
from uhd.runtime.tracking.assignment import assign_exactly


def idf1(video: Overlaps, least: float = 0.5) -> float:
    """Return the F1 of identities, from 0 to 1 (Ristani et al., ECCVW 2016, https://arxiv.org/abs/1609.01775).

    Every true track is given at most one found track, and every found one at most one true one, so that as many boxes
    as possible overlap with their partner by ``least`` (IoU).
    """
    boxes = boxes_of(video)
    shared = np.zeros((len(video.truth_lengths), len(video.found_lengths)))
    for frame in video.frames:
        shared[frame.truth[:, None], frame.found] += frame.overlap >= least
    if not boxes or not shared.any():
        return 0.0
    most = shared.max()
    pairs = assign_exactly(np.where(shared > 0, most - shared, np.inf), most)
    return float(2 * shared[pairs[:, 0], pairs[:, 1]].sum() / boxes)

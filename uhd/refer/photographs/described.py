"""Texts of the people of one photograph, and who is known well enough to have some."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from uhd.objects import Objects
from uhd.refer.photographs.facts import photograph_facts
from uhd.refer.world.describe import unique_texts

_MOST_TEXTS = 4  # for each person


def described(image: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], people: Objects) -> Objects:
    """Return the people of an RGB photograph (H, W, 3) with at most four texts each, the shortest."""
    facts = photograph_facts(image, people)
    texts = [
        tuple(text for text, said in unique_texts(people.count, who, facts) if said)[:_MOST_TEXTS]
        for who in range(people.count)
    ]
    return replace(people, texts=tuple(texts) + ((),) * (len(people) - people.count))


def is_whole(people: Objects, who: int, least: int) -> bool:
    """Return whether a person has a mask and at least so many keypoints: who has less is no good to measure by."""
    if people.masks is None or people.keypoints is None or who >= people.count:
        return False
    return bool(people.masks[who]) and int((people.keypoints[who, :, 2] > 0).sum()) >= least

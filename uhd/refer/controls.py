"""Whether language is used: what is left without it, and texts that differ in one word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from uhd.augment.mirror import mirror_phrase


@dataclass(frozen=True)
class Referral:
    """A text that means one person of one picture.

    Attributes:
        picture: place in the list of pictures.
        person: who.
        text: what is said.
        people: how many are in the picture.
    """

    picture: int
    person: int
    text: str
    people: int


def shuffled_texts(referrals: Sequence[Referral], seed: int = 0) -> list[str]:
    """Return for each referral the text of one in another picture, each text once, as far as there are others."""
    order = np.random.default_rng(seed).permutation(len(referrals))
    # Walking along the order by more than the texts of one picture leaves it.
    most = max(np.bincount([each.picture for each in referrals]), default=0)
    sorted_order = sorted(order.tolist(), key=lambda i: referrals[i].picture)
    texts = [""] * len(referrals)
    for place, i in enumerate(sorted_order):
        texts[i] = referrals[sorted_order[(place + int(most)) % len(referrals)]].text
    return texts


def minimal_pairs(referrals: Sequence[Referral]) -> list[tuple[int, int]]:
    """Return pairs of referrals of one picture whose texts are each other's mirror image and mean different people."""
    place = {(each.picture, each.text): i for i, each in enumerate(referrals)}
    pairs = []
    for i, each in enumerate(referrals):
        other = place.get((each.picture, mirror_phrase(each.text)))
        if other is not None and other > i and referrals[other].person != each.person:
            pairs.append((i, other))
    return pairs


def chance(referrals: Sequence[Referral]) -> float:
    """Return how often a blind choice among the people of each picture is right, 0 to 1."""
    return float(np.mean([1 / max(1, each.people) for each in referrals])) if referrals else float("nan")


FACTS: Mapping[str, tuple[str, ...]] = {
    "colour": ("shirt",),
    "trousers": ("trousers",),
    "place": ("left", "right", "leftmost", "rightmost", "middle"),
    "size": ("largest", "smallest"),
    "held": ("holding",),
    "pose": ("arm", "arms", "sitting", "walking"),
}


def facts_in(text: str) -> frozenset[str]:
    """Return what kinds of facts a text of the drawn world speaks of.

    Example:
        >>> sorted(facts_in("the leftmost person in the red shirt"))
        ['colour', 'place']
    """
    words = text.split()
    arms = {i for i, word in enumerate(words) if word in ("arm", "arms")}
    # "the left arm" is no place.
    kept = {word for i, word in enumerate(words) if i + 1 not in arms or word not in ("left", "right")}
    return frozenset(kind for kind, known in FACTS.items() if kept & set(known))

"""Descriptions of one person in a scene that are true of that person and of nobody else there."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uhd.refer.world.palette import CLOTHES
from uhd.refer.world.scene import Person, Scene

# Differences below these are not worth a word: a third of a shoulder, a fifth of a height.
_APART, _TALLER = 0.08, 1.2
_ORDINALS = ("second", "third")


@dataclass(frozen=True)
class Fact:
    """Something that is true of some people of a scene.

    Attributes:
        kind: ``colour``, ``trousers``, ``place``, ``size``, ``pose``, ``held`` or ``view``.
        words: what a description says, with ``{}`` for "person" where it stands before the noun.
        holders: who it is true of, as positions in the scene.
        value: what is said, for telling combinations apart: a colour, a place.
    """

    kind: str
    words: str
    holders: frozenset[int]
    value: str


def facts_of(scene: Scene) -> list[Fact]:
    """Return everything that can be said of the people of a scene."""
    people = scene.people
    found = [
        *_grouped("colour", people, lambda person: person.figure.shirt, "{} in the %s shirt"),
        *_grouped("trousers", people, lambda person: person.figure.trousers, "{} with %s trousers"),
        *_grouped("pose", people, lambda person: person.figure.pose, "{} %s"),
        *_grouped("held", people, lambda person: person.figure.held, "{} holding the %s"),
        *_grouped("view", people, lambda p: "from behind" if p.figure.from_behind else "", "{} seen %s"),
    ]
    boxes, heights = [person.box for person in people], [person.figure.height for person in people]
    return found + order_facts(np.reshape(boxes, (-1, 4)), scene.image.shape[1]) + size_facts(heights)


def descriptions(scene: Scene, who: int, facts: Sequence[Fact] | None = None) -> list[tuple[str, tuple[Fact, ...]]]:
    """Return the texts, with one fact or two, that mean person ``who`` and nobody else; the shortest first."""
    return unique_texts(len(scene.people), who, facts_of(scene) if facts is None else facts)


def unique_texts(people: int, who: int, facts: Sequence[Fact]) -> list[tuple[str, tuple[Fact, ...]]]:
    """Return the texts, with one fact or two, that mean ``who`` of so many people and nobody else, the shortest first.

    Args:
        people: how many are in the picture.
        who: one of them.
        facts: all that is known of the picture; what is known of some people only must not be among them.
    """
    own = [fact for fact in facts if who in fact.holders]
    if people == 1:
        return [("the person", ())] + [(_text((fact,)), (fact,)) for fact in own if fact.kind != "place"]
    found = []
    for count in (1, 2):
        for chosen in itertools.combinations(own, count):
            kinds = {fact.kind for fact in chosen}
            if len(kinds) == count and frozenset.intersection(*(fact.holders for fact in chosen)) == {who}:
                found.append((_text(chosen), chosen))
    return found


def held_out(facts: Sequence[Fact]) -> bool:
    """Whether a description joins a colour and a place that training never joins; a fifth of all pairs."""
    colours = [fact.value for fact in facts if fact.kind == "colour"]
    places = [fact.value for fact in facts if fact.kind == "place"]
    names = list(CLOTHES)
    return any(
        (names.index(colour) + PLACES.index(place)) % 5 == 0
        for colour in colours
        for place in places
        if place in PLACES
    )


PLACES = (
    "left",
    "right",
    "middle",
    "leftmost",
    "rightmost",
    "second left",
    "second right",
    "third left",
    "third right",
)


def _grouped(kind: str, people: Sequence[Person], value: Callable[[Person], str], words: str) -> list[Fact]:
    values = [value(person) for person in people]
    return [
        Fact(kind, words % each, frozenset(i for i, other in enumerate(values) if other == each), each)
        for each in dict.fromkeys(values)
        if each
    ]


def order_facts(boxes: NDArray[np.float32], width: float) -> list[Fact]:
    """Return facts about order from left to right; none between people who stand one behind the other.

    Args:
        boxes: (N, 4) ``xyxy`` of all people of a picture.
        width: of the picture in the unit of the boxes.
    """
    x, people = (boxes[:, 0] + boxes[:, 2]) / 2, len(boxes)
    order = np.argsort(x, kind="stable")
    if people < 2 or (np.diff(x[order]) < _APART * width).any():
        return []
    ends = ("on the left", "on the right") if people == 2 else None
    found = [
        Fact("place", "leftmost {}", frozenset({int(order[0])}), "leftmost"),
        Fact("place", "rightmost {}", frozenset({int(order[-1])}), "rightmost"),
    ]
    if ends:
        found += [
            Fact("place", "{} on the left", frozenset({int(order[0])}), "left"),
            Fact("place", "{} on the right", frozenset({int(order[1])}), "right"),
        ]
    if people == 3:
        found.append(Fact("place", "{} in the middle", frozenset({int(order[1])}), "middle"))
    if people >= 3:
        for rank, word in enumerate(_ORDINALS[: people - 2], start=1):
            found.append(Fact("place", f"{word} {{}} from the left", frozenset({int(order[rank])}), f"{word} left"))
            found.append(
                Fact("place", f"{word} {{}} from the right", frozenset({int(order[-1 - rank])}), f"{word} right")
            )
    return found


def size_facts(heights: Sequence[float]) -> list[Fact]:
    """Return who is largest and smallest of all people of a picture, by heights in it, where there is no doubt."""
    if len(heights) < 2:
        return []
    height = np.asarray(heights)
    order = np.argsort(height)
    found = []
    if height[order[-1]] > _TALLER * height[order[-2]]:
        found.append(Fact("size", "largest {}", frozenset({int(order[-1])}), "largest"))
    if height[order[1]] > _TALLER * height[order[0]]:
        found.append(Fact("size", "smallest {}", frozenset({int(order[0])}), "smallest"))
    return found


def _text(facts: Sequence[Fact]) -> str:
    """Return one phrase: what stands before the noun first, then what stands behind it."""
    before = [fact.words.removesuffix(" {}") for fact in facts if fact.words.endswith(" {}")]
    behind = [fact.words.removeprefix("{} ") for fact in facts if fact.words.startswith("{} ")]
    between = [fact.words.split(" {} ") for fact in facts if " {} " in fact.words]
    first = [*before, *(left for left, _ in between)]
    last = [*(right for _, right in between), *behind]
    return " ".join(["the", *first, "person", *last])

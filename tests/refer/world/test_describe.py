"""Descriptions are true of one person and of nobody else, read by other rules than those that wrote them."""

from __future__ import annotations

import numpy as np

from uhd.augment.mirror import mirror_phrase
from uhd.refer.world.describe import descriptions, facts_of, held_out
from uhd.refer.world.scene import Person, Scene, draw_scene

SCENES = [draw_scene(np.random.default_rng([11, i])) for i in range(25)]


def means(text: str, scene: Scene) -> list[int]:
    """Who a text is true of, by its words alone."""
    people = list(scene.people)
    middle = [float(person.mask.nonzero()[1].min() + person.mask.nonzero()[1].max()) for person in people]
    order = [int(i) for i in np.argsort(middle)]
    height = [person.figure.height for person in people]

    def fits(i: int, person: Person) -> bool:
        figure = person.figure
        rank = order.index(i)
        told = {
            f"in the {figure.shirt} shirt", f"with {figure.trousers} trousers", f"holding the {figure.held}",
            figure.pose, "seen from behind" if figure.from_behind else "",
            "on the left" if rank == 0 else "on the right",
            "in the middle" if len(people) == 3 and rank == 1 else "",
        }  # fmt: skip
        if rank == 0:
            told.add("leftmost")
        if rank == len(people) - 1:
            told.add("rightmost")
        for word, place in (("second", 1), ("third", 2)):
            told |= {f"{word}|from the left"} if rank == place else set()
            told |= {f"{word}|from the right"} if len(people) - 1 - rank == place else set()
        told |= {"largest"} if height[i] == max(height) else set()
        told |= {"smallest"} if height[i] == min(height) else set()
        rest = text.removeprefix("the ").replace("person", "|").replace(" | ", "|").strip("| ")
        for phrase in sorted((each for each in told if each), key=len, reverse=True):
            if phrase in rest:
                rest = rest.replace(phrase, "", 1)
            elif "|" in phrase and all(part in rest for part in phrase.split("|")):
                for part in phrase.split("|"):
                    rest = rest.replace(part, "", 1)
        return not rest.replace("|", "").strip()

    return [i for i, person in enumerate(people) if fits(i, person)]


def test_true_and_unique() -> None:
    read = 0
    for scene in SCENES:
        for who in range(len(scene.people)):
            for text, _ in descriptions(scene, who):
                if text != "the person":
                    read += 1
                    assert means(text, scene) == [who], text
    assert read > 300


def test_facts_name_their_holders() -> None:
    for scene in SCENES:
        for fact in facts_of(scene):
            assert fact.holders
            assert max(fact.holders) < len(scene.people)


def test_mirroring_swaps_whole_words() -> None:
    assert mirror_phrase("the leftmost person raising the right arm") == "the rightmost person raising the left arm"
    assert mirror_phrase("a bright cleft") == "a bright cleft"
    text = "the second person from the left"
    assert mirror_phrase(mirror_phrase(text)) == text


def test_a_share_of_the_pairs_of_colour_and_place_is_held_out() -> None:
    pairs = {
        tuple(sorted(fact.value for fact in facts)): held_out(facts)
        for scene in SCENES
        for who in range(len(scene.people))
        for _, facts in descriptions(scene, who)
        if {fact.kind for fact in facts} == {"colour", "place"}
    }
    assert len(pairs) > 20
    assert 0.05 < np.mean(list(pairs.values())) < 0.45
    assert not any(
        held_out(facts)
        for _, facts in descriptions(SCENES[0], 0)
        if {fact.kind for fact in facts} != {"colour", "place"}
    )

"""Measure a finder on pictures with descriptions, with the controls that show whether it reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from uhd.data.dataset import Dataset
from uhd.outlines import fill_outline
from uhd.refer.answers import Finder, Found
from uhd.refer.controls import FACTS, Referral, chance, facts_in, minimal_pairs, shuffled_texts
from uhd.refer.measure import Asked, measure
from uhd.refer.prompt_batches import place_prompt
from uhd.refer.tables import Tables, compare

_BATCH = 16
_HELD_OUT = frozenset({"colour", "place"})
PLACES = ("point", "scribble", "box")


@dataclass(frozen=True, eq=False)
class ReferReport:
    """What was measured.

    Attributes:
        groups: by name of a group of prompts, its figures; see :func:`uhd.refer.measure.measure`.
        counts: prompts of each group.
        chance: of a blind choice, for the texts.
        pairs: how many minimal pairs there are.
    """

    groups: dict[str, dict[str, float]]
    counts: dict[str, int]
    chance: float
    pairs: int

    def flat(self) -> dict[str, float]:
        """Return all figures by ``figure/group``; those of all texts by the figure's name alone."""
        table = {}
        for group, figures in self.groups.items():
            for name, value in figures.items():
                table[name if group == "text" else f"{name}/{group}"] = value
        return table | {"chance": self.chance}

    def to_text(self) -> str:
        """Return a table, one line for each group of prompts."""
        shown = ("accuracy", "OKS AP", "OKS AP50", "PCK@0.1", "oIoU", "mask AP", "box AP")
        lines = [f"{'':<18}{'prompts':>8}" + "".join(f"{name:>10}" for name in shown)]
        for group, figures in self.groups.items():
            cells = [f"{figures[name]:>10.3f}" if name in figures else f"{'':>10}" for name in shown]
            lines.append((f"{group:<18}{self.counts[group]:>8}" + "".join(cells)).rstrip())
        return "\n".join(
            [*lines, f"a blind choice among the people of a picture is right {self.chance:.3f} of the time"]
        )


def referrals_of(dataset: Dataset) -> list[Referral]:
    """Return every text of a data set."""
    return [
        Referral(i, person, text, record.objects.count)
        for i, record in enumerate(dataset.records)
        for person, texts in enumerate(record.objects.targets.texts or ())
        for text in texts
    ]


def evaluate_refer(finder: Finder, dataset: Dataset, resize_mode: str, seed: int = 0) -> ReferReport:
    """Return the figures of a finder for texts, places and controls.

    Args:
        finder: what is measured.
        dataset: pictures with people.
        resize_mode: how they become input.
        seed: of the places that are asked for, and of the shuffled texts.
    """
    found: list[Found] = []
    for first in range(0, len(dataset), _BATCH):
        rows = range(first, min(first + _BATCH, len(dataset)))
        images = [dataset.network_sample(i, finder.size, resize_mode).image for i in rows]
        found += finder.look(np.stack(images))
    sizes = [(int(height), int(width)) for height, width in dataset.original_sizes]
    people = [record.objects.targets for record in dataset.records]
    tables = [compare(*each) for each in zip(found, people, sizes, strict=True)]
    referrals = referrals_of(dataset)
    groups = {"text": _ask(finder, found, tables, referrals, [each.text for each in referrals])} if referrals else {}
    pairs = minimal_pairs(referrals)
    if referrals:
        asked = groups["text"]
        held = [i for i, each in enumerate(referrals) if facts_in(each.text) >= _HELD_OUT]
        groups["colour and place"] = [asked[i] for i in held]
        for fact in FACTS:
            groups[f"{fact} alone"] = [
                asked[i] for i, each in enumerate(referrals) if facts_in(each.text) == {fact} and each.people > 1
            ]
        groups["shuffled text"] = _ask(finder, found, tables, referrals, shuffled_texts(referrals, seed))
        groups["empty text"] = _ask(finder, found, tables, referrals, [""] * len(referrals))
    for kind in PLACES:
        groups[kind] = _ask_places(finder, dataset, found, tables, kind, seed)
    figures = {name: measure(asked) for name, asked in groups.items() if asked}
    counts = {name: len(asked) for name, asked in groups.items() if asked}
    if pairs:
        asked = groups["text"]
        both = [asked[i].is_right and asked[j].is_right for i, j in pairs]
        figures["minimal pairs"], counts["minimal pairs"] = {"accuracy": float(np.mean(both))}, len(pairs)
    return ReferReport(figures, counts, chance(referrals), len(pairs))


def _ask(
    finder: Finder,
    found: Sequence[Found],
    tables: Sequence[Tables],
    referrals: Sequence[Referral],
    texts: Sequence[str],
) -> list[Asked]:
    asked: list[Asked] = []
    first = 0
    while first < len(referrals):  # those of one picture follow each other
        picture = referrals[first].picture
        last = first
        while last < len(referrals) and referrals[last].picture == picture:
            last += 1
        scores = finder.ask_texts(found[picture], texts[first:last])
        pairs = zip(referrals[first:last], scores, strict=True)
        asked += [Asked(tables[picture], each.person, row) for each, row in pairs]
        first = last
    return asked


def _ask_places(
    finder: Finder, dataset: Dataset, found: Sequence[Found], tables: Sequence[Tables], kind: str, seed: int
) -> list[Asked]:
    asked: list[Asked] = []
    for i, record in enumerate(dataset.records):
        people = record.objects.targets
        if not len(people):
            continue
        rng = np.random.default_rng([seed, i])
        masks = [fill_outline(outline, finder.size) for outline in people.masks or ((),) * len(people)]
        points = [
            place_prompt(kind, box, mask, finder.size, rng) for box, mask in zip(people.boxes, masks, strict=True)
        ]
        extent = np.array([finder.size[1], finder.size[0]], np.float32)
        scores = finder.ask_places(found[i], np.stack(points) / extent, kind)
        asked += [Asked(tables[i], person, row) for person, row in enumerate(scores)]
    return asked

"""Parts of a data set in which people per image, their size and their classes are spread alike."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from uhd.data.records import Record
from uhd.data.statistics import HEIGHT_BINS
from uhd.errors import UserError

_COUNTS = ((0, "none"), (1, "one"), (3, "few"), (10, "many"))


def stratum(record: Record, network_height: int) -> str:
    """Return what kind of image this is: how many objects, and how high the middle one is in network pixels."""
    if not len(record.boxes):
        return "none"
    count = next((name for most, name in _COUNTS if len(record.boxes) <= most), "crowd")
    height = float(np.median(record.boxes[:, 3] - record.boxes[:, 1])) * network_height
    size = next(name for name, (low, high) in HEIGHT_BINS.items() if low <= height < high)
    rare = "+".join(map(str, sorted(set(record.labels.tolist()))))
    return f"{count} of {size} px, class {rare}"


def group_of(record: Record, pattern: re.Pattern[str] | None) -> str:
    """Return the name of the group whose images stay together: what the pattern, or its first bracket, finds."""
    found = pattern.search(record.image.as_posix()) if pattern is not None else None
    if found is None:
        return f"\0{record.image}"
    return "\1" + next((part for part in found.groups() if part is not None), found.group())


def stratify(
    records: Sequence[Record],
    shares: Mapping[str, float],
    seed: int,
    network_height: int,
    pattern: re.Pattern[str] | None = None,
) -> dict[str, list[Record]]:
    """Divide images; the same records, shares and seed give the same parts.

    Whole groups are given out, the largest first, each to the part that lacks most of what it holds
    (after Sechidis et al. 2011, On the stratification of multi-label data, https://doi.org/10.1007/978-3-642-23808-6_10).

    Args:
        records: the images, in any order.
        shares: part -> share, which sum to at most 1; what is missing is left out.
        seed: of ties and of the order.
        network_height: rows of the network's input, in which heights are measured.
        pattern: images whose paths it finds the same text in stay together.

    Raises:
        UserError: shares of more than 1.
    """
    if sum(shares.values()) > 1 + 1e-6:
        raise UserError(f"shares of {' + '.join(f'{share:g}' for share in shares.values())} are more than 1: lower one")
    ordered = sorted(records, key=lambda record: str(record.image))
    rest = 1 - sum(shares.values())
    wanted = {part: share for part, share in shares.items() if share > 0} | ({"": rest} if rest > 1e-6 else {})
    groups: dict[str, list[Record]] = defaultdict(list)
    for record in ordered:
        groups[group_of(record, pattern)].append(record)
    kinds = {name: Counter(stratum(record, network_height) for record in group) for name, group in groups.items()}
    rng = np.random.default_rng(seed)
    names = [list(groups)[i] for i in rng.permutation(len(groups))]
    chosen = _give_out(sorted(names, key=lambda name: -len(groups[name])), kinds, wanted)
    parts: dict[str, list[Record]] = {part: [] for part in wanted}
    for name, group in groups.items():
        parts[chosen[name]] += group
    return {part: sorted(found, key=lambda record: str(record.image)) for part, found in parts.items() if part}


def _give_out(names: Sequence[str], kinds: Mapping[str, Counter[str]], shares: Mapping[str, float]) -> dict[str, str]:
    """Return the part of every group, given in the order in which they are given out, from what it holds of each kind.

    Single images of which no part lacks a whole one more wait until the others are placed, and go where there is room.
    """
    totals = sum(kinds.values(), Counter[str]())
    lacking = {part: {kind: share * count for kind, count in totals.items()} for part, share in shares.items()}
    room = {part: share * totals.total() for part, share in shares.items()}
    chosen: dict[str, str] = {}

    def place(name: str, part: str) -> None:
        chosen[name] = part
        room[part] -= kinds[name].total()
        for kind, count in kinds[name].items():
            lacking[part][kind] -= count

    def need(name: str, part: str) -> float:
        # Rare kinds count more: a common one is easily made up for.
        return round(sum(n * lacking[part][kind] / totals[kind] for kind, n in kinds[name].items()), 9)

    waiting = []
    for name in names:
        best = max(shares, key=lambda part: (need(name, part), room[part]))
        if kinds[name].total() == 1 and max(lacking[best][kind] for kind in kinds[name]) < 1 - 1e-9:
            waiting.append(name)
        else:
            place(name, best)
    for name in waiting:
        place(name, max(shares, key=lambda part: (round(room[part], 9), need(name, part))))
    return chosen

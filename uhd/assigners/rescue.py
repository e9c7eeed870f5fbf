"""People who lost every claim to others get another prediction, so that nobody is taught to be background."""

from __future__ import annotations

import torch
from torch import Tensor

from uhd.assigners.assignment import owners

_ROUNDS = 5  # of bidding


def rescue(prediction: Tensor, claims: Tensor, usable: Tensor, overlap: Tensor, owner: Tensor) -> Tensor:
    """Let people who lost every claim take the best prediction that is not someone's last good one.

    Args:
        prediction, claims, usable, overlap: (T, K), best first.
        owner: (B * N,) person or T; changed in place.

    Returns:
        (T, K) claims, where a rescued person has the one claim it won.
    """
    people, total = len(prediction), len(owner)
    person = torch.arange(people, device=prediction.device)
    rank = torch.arange(prediction.shape[1], device=prediction.device)
    owned = claims & (owner[prediction] == person[:, None])
    has = owned.any(1)
    # They are few; but a device would have to be waited for to know who: there all rows take part.
    rows = person[~has] if prediction.device.type == "cpu" else person
    if len(rows) == 0:
        return claims
    # A person keeps the best it owns, whatever happens to the rest.
    kept = _flag(total, prediction, owned & (rank == owned.int().argmax(1, keepdim=True)))
    names = torch.cat([rows, rows.new_full((1,), people)])
    place, usable, overlap, has = prediction[rows], usable[rows], overlap[rows], has[rows][:, None]
    outcome = claims[rows]
    for _ in range(_ROUNDS):
        free = usable & ~kept[place] & ~has
        if prediction.device.type == "cpu" and not bool(free.any()):
            break
        choice = free & (rank == free.int().argmax(1, keepdim=True))
        taker = names[owners(place, choice, overlap, total)]
        won = choice & (taker[place] == rows[:, None])
        taken = taker < people
        owner.copy_(torch.where(taken, taker, owner))
        kept |= taken
        rescued = won.any(1, keepdim=True)
        outcome = torch.where(rescued, won, outcome)
        has |= rescued
    return claims.index_copy(0, rows, outcome)


def _flag(total: int, index: Tensor, flags: Tensor) -> Tensor:
    marks = torch.zeros(total, dtype=torch.int32, device=index.device)
    return marks.scatter_add_(0, index.flatten(), flags.flatten().int()) > 0

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
    if people == 0:
        return claims
    person = torch.arange(people, device=prediction.device)[:, None]
    rank = torch.arange(prediction.shape[1], device=prediction.device)
    owned = claims & (owner[prediction] == person)
    has = owned.any(1, keepdim=True)
    # A person keeps the best it owns, whatever happens to the rest.
    kept = _flag(total, prediction, owned & (rank == owned.int().argmax(1, keepdim=True)))
    for _ in range(_ROUNDS):
        if prediction.device.type == "cpu" and bool(has.all()):
            break  # only saves time; asking a device would cost a wait
        free = usable & ~kept[prediction] & ~has
        choice = free & (rank == free.int().argmax(1, keepdim=True))
        taker = owners(prediction, choice, overlap, total)
        won = choice & (taker[prediction] == person)
        taken = taker < people
        owner.copy_(torch.where(taken, taker, owner))
        kept |= taken
        rescued = won.any(1, keepdim=True)
        claims = torch.where(rescued, won, claims)
        has |= rescued
    return claims


def _flag(total: int, index: Tensor, flags: Tensor) -> Tensor:
    marks = torch.zeros(total, dtype=torch.int32, device=index.device)
    return marks.scatter_add_(0, index.flatten(), flags.flatten().int()) > 0

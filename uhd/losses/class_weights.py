"""Weights of classes that are seen unequally often."""

from __future__ import annotations

import math
from collections.abc import Sequence

from uhd.errors import UserError

WAYS = ("none", "inverse", "effective")
_BETA = 0.999


def class_weights(text: str, counts: Sequence[int] = ()) -> tuple[float, ...]:
    """Return one weight per class, their mean 1 where they are counted; () for none.

    ``inverse`` is 1 / f of the frequency f; ``effective`` is (1 - b) / (1 - b^n) of the number n with b = 0.999, which
    says that the thousandth object of a class adds less than the first (Cui et al., 2019).

    Paper: https://arxiv.org/abs/1901.05555

    Args:
        text: one of ``WAYS``, or numbers with commas between them.
        counts: objects of each class; a class without any counts as one.

    Raises:
        UserError: neither a way nor finite numbers above or equal 0, or not one for each class.
    """
    if text == "none":
        return ()
    if text in WAYS:
        if not counts:
            raise UserError(f"--class-weights {text}: nobody has counted the classes; give numbers")
        seen = [max(1, count) for count in counts]
        raw = [1 / n if text == "inverse" else (1 - _BETA) / (1 - _BETA**n) for n in seen]
        return tuple(each * len(raw) / sum(raw) for each in raw)
    try:
        given = tuple(float(each) for each in text.split(","))
    except ValueError:
        given = ()
    if not given or not all(0 <= each < math.inf for each in given) or (counts and len(given) != len(counts)):
        classes = f" for each of the {len(counts)} classes" if counts else ""
        raise UserError(f"--class-weights {text!r}: give {', '.join(WAYS)}, or a number from 0{classes}")
    return given

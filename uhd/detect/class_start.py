"""Start a run from weights of other classes: what the two have in common is taken, also class by class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from uhd.models.network import DetectorNetwork

State = dict[str, Tensor]


def fit_classes(state: State, meta: Mapping[str, Any], network: DetectorNetwork, names: Sequence[str]) -> State:
    """Return the weights with the class channels of a network in place of their own.

    A class that both know by name, whatever the case, keeps its channels; the others start as the network began. All
    that is not of classes is left as it is, and so is a tensor that differs in another way: loading it is an error.

    Args:
        state: weights of the checkpoint.
        meta: its metadata, ``class_names`` among them.
        network: the new one.
        names: of its classes, in order.
    """
    theirs = [str(name).lower() for name in meta.get("class_names") or ()]
    # (class here, class there)
    common = [(i, theirs.index(name.lower())) for i, name in enumerate(names) if name.lower() in theirs]
    fitted = dict(state)
    for name, own in network.state_dict().items():
        given = state.get(name)
        if given is None or len(theirs) == len(names) or given.shape[1:] != own.shape[1:] or given.shape == own.shape:
            continue
        groups, rest = divmod(len(given) - len(own), len(theirs) - len(names))
        if rest or groups < 1 or len(given) % groups or len(given) // groups < len(theirs):
            continue
        fitted[name] = _joined(own, given, groups, network.kind == "queries", len(names), common)
    return fitted


def _joined(
    own: Tensor, given: Tensor, groups: int, classes_first: bool, count: int, common: Sequence[tuple[int, int]]
) -> Tensor:
    """Return the channels of one tensor; each of its groups (one per anchor) has classes and others side by side."""
    new, old = (tensor.clone().reshape(groups, -1, *tensor.shape[1:]) for tensor in (own, given))
    others = new.shape[1] - count
    known = old.shape[1] - others
    if classes_first:
        new[:, count:] = old[:, known:]
    else:
        new[:, :others] = old[:, :others]
    start = 0 if classes_first else others
    for here, there in common:
        new[:, start + here] = old[:, start + there]
    return new.reshape(own.shape)

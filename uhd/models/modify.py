"""What was done to a network after it was built, done again when its weights are read: a table, one line each."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from uhd.models.network import DetectorNetwork

# Modules with ``repeat(network, meta, where) -> network`` and ``describe(network) -> dict``, in the order in which they
# act. What shrinks a network stands on the models, so it is imported by name, only when weights are read or written.
MODIFICATIONS = ("uhd.compress.widths", "uhd.compress.fake_quantise")


def repeat_modifications(network: DetectorNetwork, meta: dict[str, Any], where: str) -> DetectorNetwork:
    """Do to a fresh network what its checkpoint says was done to it; returns the network.

    Args:
        network: as its configuration builds it.
        meta: of the checkpoint.
        where: the file, named in errors.

    Raises:
        UserError: what the file says does not fit.
    """
    for module in MODIFICATIONS:
        network = import_module(module).repeat(network, meta, where)
    return network


def describe_modifications(network: DetectorNetwork) -> dict[str, Any]:
    """Return the metadata by which :func:`repeat_modifications` does it again."""
    found: dict[str, Any] = {}
    for module in MODIFICATIONS:
        found |= import_module(module).describe(network)
    return found

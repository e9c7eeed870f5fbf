"""A model file opened for export: network or graph, and its card; one way in for every target."""

from __future__ import annotations

import dataclasses
import hashlib
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx

from uhd.card import ModelCard
from uhd.errors import UserError
from uhd.export.onnx_file import read_onnx
from uhd.models.network import DetectorNetwork
from uhd.models.predictor import spec_of
from uhd.models.weights import architecture_of, digest, is_as_measured, load_model, read_weights


@dataclass(frozen=True, eq=False)
class Opened:
    """A model to export: a network, or where the file was ONNX already, a graph.

    Attributes:
        path: the file.
        card: what it says of itself, with the licence, the version and the input that the user asked for.
        network: in evaluation mode, or None.
        graph: with the card as its metadata, or None.
    """

    path: Path
    card: ModelCard
    network: DetectorNetwork | None = None
    graph: onnx.ModelProto | None = None

    def needs_network(self, what: str) -> DetectorNetwork:
        """Return the network.

        Raises:
            UserError: an ONNX file has none.
        """
        if self.network is None:
            raise UserError(f"{self.path}: is an ONNX file already; {what} is written from a checkpoint")
        return self.network

    def suppressed_by(self, kind: str | None) -> Opened:
        """Return the same model, its card with another kind of suppression; None changes nothing."""
        if kind is None or kind == self.card.suppression.kind:
            return self
        card = dataclasses.replace(self.card, suppression=self.card.suppression.of_kind(kind))
        return self._said_by(card, card.suppression.to_metadata())

    def recommending(self, threshold: float | None) -> Opened:
        """Return the same model, its card with another least score, 0 to 1; None changes nothing."""
        if threshold is None:
            return self
        return self._said_by(dataclasses.replace(self.card, conf_thresh=threshold), {"conf_thresh": f"{threshold:g}"})

    def _said_by(self, card: ModelCard, changed: Mapping[str, str]) -> Opened:
        if self.graph is None:
            return dataclasses.replace(self, card=card)
        graph = onnx.ModelProto()
        graph.CopyFrom(self.graph)
        table = {prop.key: prop.value for prop in graph.metadata_props} | dict(changed)
        del graph.metadata_props[:]
        onnx.helper.set_model_props(graph, table)
        return dataclasses.replace(self, card=card, graph=graph)

    def separate_outputs(self, what: str, all_branches: bool = False) -> onnx.ModelProto:
        """Return a graph with separate raw outputs, exported from the network or as the file has it.

        Args:
            what: named in errors.
            all_branches: of a network, also those that no score needs.

        Raises:
            UserError: a transformer, which ``what`` cannot be written from.
        """
        if self.graph is not None:
            return self.graph
        return separate_outputs(self.needs_network(what), self.card, what, all_branches)


def open_model(
    path: Path,
    averaged: bool = True,
    strict: bool = True,
    size: tuple[int, int] | None = None,
    changes: Callable[[str], Mapping[str, Any]] | None = None,
    licence: str = "",
    version: str = "",
    measured_on: str = "",
    arch: str | None = None,
) -> Opened:
    """Open a checkpoint, or an ONNX file with separate outputs.

    Args:
        path: ``.safetensors``, ``.pt`` or ``.onnx``.
        averaged: see :func:`uhd.models.weights.read_weights`.
        strict: see :func:`uhd.models.weights.load_model`.
        size: (height, width) of the network, in place of what the file says.
        changes: from the architecture's name to fields of its configuration that replace what the file says.
        licence, version: of the weights; empty leaves what the file says, and their digest where it says no version.
        measured_on: split of the figures; empty leaves what the file says.
        arch: architecture that it must be of.

    Raises:
        UserError: not a model, of another architecture, or weights that do not fit.
    """
    if path.suffix.lower() == ".onnx":
        return _open_onnx(path, size, licence, version)
    found = architecture_of(*read_weights(path, averaged), path)[0] if changes or arch else ""
    if arch is not None and arch != found:
        raise UserError(f"{path}: is of {found}, not {arch}; leave out --arch")
    network, meta = load_model(path, averaged, changes(found) if changes else None, strict)
    card = spec_of(meta)
    if (changes or not averaged) and not is_as_measured(path, averaged, network.config):
        card = card.without_metrics()
    split = measured_on or card.measured.split or "val"
    card = dataclasses.replace(
        card,
        licence=licence or card.licence,
        version=version or card.version or digest(network.state_dict()),
        measured=dataclasses.replace(card.measured, split=split),
    )
    return Opened(path, card.with_input(size), network)


def separate_outputs(
    network: DetectorNetwork, card: ModelCard, what: str = "C", all_branches: bool = False
) -> onnx.ModelProto:
    """Return a network as a graph with separate raw outputs, the card as its metadata.

    Raises:
        UserError: a transformer, or a size or resize mode that does not fit the network.
    """
    from uhd.export.onnx.export import export_onnx
    from uhd.export.onnx.heads import GRAPHS

    if not GRAPHS[network.kind].on_grid:
        raise UserError(f"{network.arch} cannot be written as {what}; ultratinyod and cnn can")
    with tempfile.TemporaryDirectory() as folder:
        return export_onnx(network, Path(folder) / "parts.onnx", card, "parts", all_branches=all_branches)


def _open_onnx(path: Path, size: tuple[int, int] | None, licence: str, version: str) -> Opened:
    graph = read_onnx(path)
    table = {prop.key: prop.value for prop in graph.metadata_props}
    table |= {key: value for key, value in (("license", licence), ("version", version)) if value}
    table["version"] = table.get("version") or f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()[:16]}"
    shape = [side.dim_value for side in graph.graph.input[0].type.tensor_type.shape.dim] if graph.graph.input else []
    built = (shape[2], shape[3]) if len(shape) == 4 and min(shape[2:]) > 0 else None
    if size is not None and size != built:
        raise UserError(f"{path}: was built for another size; leave out --img-size, or give the checkpoint")
    try:
        card = ModelCard.from_metadata(table, input_size=built)
    except (ValueError, TypeError) as error:
        raise UserError(f"{path}: its metadata cannot be read: {error}") from None
    del graph.metadata_props[:]
    onnx.helper.set_model_props(graph, table)
    return Opened(path, card, graph=graph)

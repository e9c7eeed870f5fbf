"""A checkpoint from an ONNX file whose checkpoint is lost: for the formats that are made from weights.

Batch-norm is folded in the file. It becomes one that changes nothing but the bias: mean 0, variance 1 - eps, gain 1.
"""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from uhd.card import ModelCard
from uhd.errors import UserError
from uhd.export.onnx.form import ExportForm
from uhd.export.onnx.verify import largest_difference
from uhd.export.onnx_file import read_onnx
from uhd.models.ultratinyod.infer import config_of
from uhd.models.ultratinyod.network import UltraTinyOD
from uhd.models.weights import State, describe, save_weights

LARGEST_DIFFERENCE = 1e-5


def rebuild(path: Path) -> tuple[UltraTinyOD, ModelCard]:
    """Return network and card of an UltraTinyOD's ONNX file, in float and with the names that its export gives nodes.

    What the file leaves out because no score needs it, the objectness of an IoU-aware head, is that of a new network.

    Args:
        path: of any form with a fixed input.

    Raises:
        UserError: of another network, without metadata, or the network found computes something else.
    """
    graph = read_onnx(path)
    table = {entry.key: entry.value for entry in graph.metadata_props}
    if table.get("arch") != "ultratinyod" or not table.get("anchors") or not table.get("wh_scale"):
        raise UserError(f"{path}: not an UltraTinyOD of this package: its metadata have no anchors")
    state = _convolutions(graph.graph)
    for name in ("anchors", "wh_scale"):
        state[f"head.{name}"] = torch.tensor(json.loads(table[name]), dtype=torch.float32)
    network = _network(state, graph.graph, table, path)
    form = ExportForm(
        table.get("form") or "merged", topk=_rows(graph.graph), all_branches="obj" in _outputs(graph.graph)
    )
    if not (worst := largest_difference(graph, network, form)) < LARGEST_DIFFERENCE:
        raise UserError(f"{path}: the network found in it differs by {worst:.2g}; it was not written by this package")
    return network, ModelCard.from_metadata(table)


def write_rebuilt(path: Path, output: Path) -> None:
    """Write the checkpoint of an ONNX file; see :func:`rebuild`."""
    network, card = rebuild(path)
    origin = {"rebuilt_from": f"{path.name}: batch-norm folded; branches that no score needs are new"}
    save_weights(output, network.state_dict(), describe(network, **card.to_checkpoint(), **origin))


def _network(state: State, graph: onnx.GraphProto, table: dict[str, str], path: Path) -> UltraTinyOD:
    """Return the network that has these weights."""
    score = {name: table.get(name) for name in ("score_mode", "quality_power")}
    activation = "relu" if any(node.op_type == "Relu" and "/act/" in node.name for node in graph.node) else "swish"
    # The shape of a branch that may be missing is that of the boxes.
    shown = {"head.obj_out.weight": torch.zeros(1), **state}
    # A convolution with a norm behind it has no bias of its own: what the file gives it is the norm's.
    shown |= {name.replace(".conv.bias", ".bn.weight"): value for name, value in state.items()}
    config = config_of(shown, {**score, "activation": activation})
    if config is None:
        raise UserError(f"{path}: its convolutions are not those of an UltraTinyOD")
    torch.manual_seed(0)
    network = UltraTinyOD(config)
    own = network.state_dict()
    known = _norms(state, network) | state
    foreign = [name for name, value in known.items() if name not in own or own[name].shape != value.shape]
    missing = [name for name in own if name not in known and not name.startswith(("head.obj_conv.", "head.obj_out."))]
    if foreign or missing:
        raise UserError(f"{path}: does not fit an UltraTinyOD at {', '.join([*foreign, *missing][:3])}")
    network.load_state_dict({**own, **known})
    return network.eval()


def _convolutions(graph: onnx.GraphProto) -> State:
    """Return weights and biases by the name of their module."""
    values = {each.name: each for each in graph.initializer}
    found: State = {}
    for node in graph.node:
        if node.op_type == "Conv" and node.input[1] in values:
            for name, source in zip(("weight", "bias"), node.input[1:], strict=False):
                found[f"{_module(node.name)}.{name}"] = torch.from_numpy(numpy_helper.to_array(values[source]).copy())
    return found


def _module(node: str) -> str:
    """Return a node's module: ``head.cls_tower.1.dw.conv`` of ``/depthwiseconv/cls_tower/cls_tower.1/dw/conv/Conv``."""
    parts = node.removeprefix("/depthwiseconv").strip("/").split("/")[:-1]
    # A layer of a sequence repeats the name of the sequence.
    kept = [part for part, after in zip(parts, [*parts[1:], ""], strict=True) if not after.startswith(f"{part}.")]
    return ".".join(kept if kept[0] == "backbone" else ["head", *kept])


def _norms(state: State, network: nn.Module) -> State:
    """Move the biases of convolutions that have none out of ``state`` into the batch-norms behind them."""
    modules = dict(network.named_modules())
    found: State = {}
    for name in [name for name in state if name.endswith(".bias")]:
        place = name.removesuffix(".bias")
        convolution, norm = modules.get(place), _norm_behind(place)
        if isinstance(convolution, nn.Conv2d) and convolution.bias is None and norm in modules:
            found |= _neutral(modules[norm], state.pop(name), norm)
    return found


def _norm_behind(place: str) -> str:
    lead, _, last = place.rpartition(".")
    return f"{lead}.{int(last) + 1}" if last.isdigit() else f"{lead}.bn"


def _neutral(norm: nn.Module, bias: Tensor, name: str) -> State:
    assert isinstance(norm, nn.BatchNorm2d)
    ones, zeros = torch.ones_like(bias), torch.zeros_like(bias)
    statistics = {"running_mean": zeros, "running_var": ones - norm.eps, "num_batches_tracked": torch.tensor(0)}
    return {f"{name}.{key}": value for key, value in ({"weight": ones, "bias": bias} | statistics).items()}


def _outputs(graph: onnx.GraphProto) -> set[str]:
    return {output.name for output in graph.output}


def _rows(graph: onnx.GraphProto) -> int:
    """Return the rows of a merged output; 1 for other forms, which have none."""
    shape = graph.output[0].type.tensor_type.shape.dim
    return max(1, shape[1].dim_value) if len(shape) == 3 else 1

"""A quantised graph as a file that needs no pickle, and the same graph from that file.

An ``.espdl`` runs on the chip only. Beside it goes ``<name>.simulator.onnx``: the float graph with the weights that
were quantised, and in its metadata, as JSON, the platform of every node and the scale, bits and rounding of every
quantised tensor. Scales are powers of two, so decimal JSON holds them exactly.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnx
import torch

from uhd.errors import UserError
from uhd.export.espdl.quantise import Quantised
from uhd.export.espdl.toolchain import chatter_to, require_esp_ppq
from uhd.files import save_atomic

FORMAT = 1
_KEY = "espdl_simulation"
_TABLE = ("original_op_type", "int16_lut_step")


def simulator_path(espdl: Path) -> Path:
    """Return the file beside an ``.espdl`` that the simulator reads."""
    return espdl.with_name(f"{espdl.stem}.simulator.onnx")


def save_simulation(quantised: Quantised, path: Path, metadata: Mapping[str, str], espdl: Path) -> None:
    """Write what rebuilds the quantised graph.

    Args:
        quantised: the graph.
        path: file to write.
        metadata: of the model: how to feed and read it.
        espdl: the file that the simulation belongs to.
    """
    model = onnx.ModelProto()
    model.CopyFrom(quantised.model)
    del model.metadata_props[:]
    record = {
        "format": FORMAT,
        "target": quantised.how.target,
        "bits": quantised.how.bits,
        "espdl_sha256": digest(espdl),
        "operations": describe(quantised.graph),
    }
    onnx.helper.set_model_props(model, {**metadata, _KEY: json.dumps(record)})
    save_atomic(path, lambda temporary: onnx.save(model, str(temporary)))


def load_simulation(path: Path, espdl: Path | None = None) -> tuple[Any, dict[str, str]]:
    """Rebuild a quantised graph.

    Args:
        path: from :func:`save_simulation`.
        espdl: the file it must belong to.

    Returns:
        esp-ppq's graph, and the metadata.

    Raises:
        UserError: esp-ppq is missing, or the file is of something else.
    """
    require_esp_ppq("the ESP-DL simulator")
    if not path.is_file():
        raise UserError(f"{path}: is missing: an .espdl runs on the chip only, the simulator needs the file beside it")
    try:
        model = onnx.load(str(path))
        table = {prop.key: prop.value for prop in model.metadata_props}
        record = json.loads(table.pop(_KEY))
        operations, bits, target = dict(record["operations"]), int(record["bits"]), str(record["target"])
        known = record["format"] == FORMAT
    except Exception as error:  # noqa: BLE001  protobuf's exceptions share no base class with the others
        raise UserError(f"{path}: not a simulation of an .espdl ({type(error).__name__}: {error})") from None
    if not known:
        raise UserError(f"{path}: written by another version of this package; quantise again")
    if espdl is not None and digest(espdl) != record["espdl_sha256"]:
        raise UserError(f"{path}: belongs to another {espdl.name}; quantise again")
    with chatter_to(None):
        graph = _rebuild(path, operations, target, bits)
    return graph, table


def digest(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def describe(graph: Any) -> dict[str, dict[str, Any]]:
    """Return platform and active tensor settings of every quantised node, as JSON values."""
    from esp_ppq.IR import QuantableOperation

    found: dict[str, dict[str, Any]] = {}
    for name, operation in graph.operations.items():
        entry: dict[str, Any] = {"platform": operation.platform.name}
        if isinstance(operation, QuantableOperation):
            table = operation.type == "LUT"
            if table:
                entry["table"] = {key: operation.attributes[key] for key in _TABLE}
            # A table is addressed by its input's scale, also where the node before has rounded already.
            entry["inputs"] = [_tensor(config, table) for config in operation.config.input_quantization_config]
            entry["outputs"] = [_tensor(config) for config in operation.config.output_quantization_config]
        found[name] = entry
    return found


def _tensor(config: Any, always: bool = False) -> dict[str, Any] | None:
    from esp_ppq.core import QuantizationProperty, QuantizationStates

    if not (always or QuantizationStates.is_activated(config.state)):
        return None
    return {
        "bits": config.num_of_bits,
        "low": config.quant_min,
        "high": config.quant_max,
        "rounding": config.rounding.name,
        "policy": sum(each.value for each in QuantizationProperty if config.policy.has_property(each)),
        "axis": config.channel_axis,
        "scale": config.scale.tolist(),
        "offset": config.offset.tolist(),
    }


def _rebuild(path: Path, operations: Mapping[str, Mapping[str, Any]], target: str, bits: int) -> Any:
    import esp_ppq.lib as library
    from esp_ppq.api.espdl_interface import get_target_platform
    from esp_ppq.api.interface import dispatch_graph, load_onnx_graph
    from esp_ppq.core import TargetPlatform

    platform = get_target_platform(target, bits)
    graph = dispatch_graph(load_onnx_graph(str(path)), platform=platform, dispatcher="allin")
    if set(graph.operations) != set(operations):
        odd = sorted(set(graph.operations) ^ set(operations))[0]
        raise UserError(f"{path}: {odd} is in the graph or in its settings, not in both; quantise again")
    quantizer = library.Quantizer(platform, graph)
    for name, entry in operations.items():
        graph.operations[name].platform = TargetPlatform[entry["platform"]]
        if "inputs" not in entry:
            continue
        quantizer.quantize_operation(name)
        config = graph.operations[name].config
        for side, slots in (
            ("inputs", config.input_quantization_config),
            ("outputs", config.output_quantization_config),
        ):
            slots[:] = [_config(value) for value in entry[side]]
        if "table" in entry:
            # As esp-ppq does with activations in 16 bits once their scales are known.
            graph.operations[name].attributes.update(entry["table"])
            graph.operations[name].type = "LUT"
    return graph


def _config(value: Mapping[str, Any] | None) -> Any:
    from esp_ppq.core import (
        QuantizationPolicy,
        QuantizationProperty,
        QuantizationStates,
        RoundingPolicy,
        TensorQuantizationConfig,
    )

    if value is None:
        plain = QuantizationPolicy(
            QuantizationProperty.SYMMETRICAL + QuantizationProperty.LINEAR + QuantizationProperty.PER_TENSOR
        )
        return TensorQuantizationConfig(plain, state=QuantizationStates.FP32)
    return TensorQuantizationConfig(
        policy=QuantizationPolicy(value["policy"]),
        rounding=RoundingPolicy[value["rounding"]],
        num_of_bits=value["bits"],
        quant_min=value["low"],
        quant_max=value["high"],
        scale=torch.tensor(value["scale"], dtype=torch.float32),
        offset=torch.tensor(value["offset"], dtype=torch.float32),
        channel_axis=value["axis"],
        state=QuantizationStates.ACTIVATED,
    )

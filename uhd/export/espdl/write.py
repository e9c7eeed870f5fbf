"""Write a quantised graph that has changed since esp-ppq made it, with its simulation beside it."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from uhd.export.espdl.quantise import Quantisation, Quantised, with_weights
from uhd.export.espdl.record import save_simulation, simulator_path
from uhd.export.espdl.toolchain import chatter_to


def write_espdl(
    graph: Any,
    model: onnx.ModelProto,
    how: Quantisation,
    path: Path,
    image: NDArray[np.float32],
    metadata: Mapping[str, str],
    log: Path | None = None,
) -> list[Path]:
    """Write the graph as it is now.

    Args:
        graph: of esp-ppq, quantised, on the CPU, without gradients.
        model: the float graph it was made from.
        how: it was quantised.
        path: of the ``.espdl``; its folder is made.
        image: (1, C, h, w) float32, the file's test vector.
        metadata: written into the files.
        log: what esp-ppq prints goes there.

    Returns:
        the files, the ``.espdl`` first.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    suffixes = (path.suffix, ".info", ".json")
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.stem}.") as folder, chatter_to(log):
        import esp_ppq.lib as library
        from esp_ppq.api.espdl_interface import generate_test_value, get_target_platform

        temporary = Path(folder) / path.name
        values = generate_test_value(graph, "cpu", [torch.from_numpy(image)], None)
        exporter = library.Exporter(platform=get_target_platform(how.target, how.bits))
        exporter.export(file_path=str(temporary), graph=graph, values_for_test=values, metadata_props=dict(metadata))
        for suffix in suffixes:
            temporary.with_suffix(suffix).replace(path.with_suffix(suffix))
    quantised = Quantised(graph, with_weights(unshared(model, graph), graph), how)
    save_simulation(quantised, simulator_path(path), metadata, path)
    return [*(path.with_suffix(suffix) for suffix in suffixes), simulator_path(path)]


def unshared(model: onnx.ModelProto, graph: Any) -> onnx.ModelProto:
    """Return a copy of the float graph in which every node has weights of its own where esp-ppq's graph has.

    Equal tensors are stored once in an ONNX file (the zeros of fresh biases, say); esp-ppq takes them apart, and
    training makes them differ.
    """
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    for node in changed.graph.node:
        operation = graph.operations.get(node.name)
        for i, variable in enumerate(operation.inputs if operation is not None else ()):
            value = variable.value if variable.is_parameter else None
            if isinstance(value, torch.Tensor) and value.is_floating_point() and variable.name != node.input[i]:
                name = f"{node.name}.{i}"
                array = np.ascontiguousarray(value.detach().cpu().numpy())
                changed.graph.initializer.append(onnx.numpy_helper.from_array(array, name))
                node.input[i] = name
    return changed

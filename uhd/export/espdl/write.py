"""Write a quantised graph with its simulation and what decodes it, all files at once."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from uhd.card import ModelCard
from uhd.export.espdl.decode_files import chip_metadata, write_decode_files
from uhd.export.espdl.quantise import Quantisation, Quantised, with_weights
from uhd.export.espdl.record import load_simulation, save_simulation, simulator_path
from uhd.export.espdl.simulation import Simulation
from uhd.export.espdl.simulator import read_constants
from uhd.export.espdl.tensors import chip_tensors
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
        metadata: written into the files, with the facts of their tensors.
        log: what esp-ppq prints goes there.

    Returns:
        the files, the ``.espdl`` first. They appear together, when all is well.

    Raises:
        RuntimeError: the simulation in the file differs from the graph.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    source, outputs = chip_tensors(graph)
    table = {**metadata, **chip_metadata(source, outputs)}
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.stem}.") as folder:
        temporary = Path(folder) / path.name
        with chatter_to(log):
            import esp_ppq.lib as library
            from esp_ppq.api.espdl_interface import generate_test_value, get_target_platform

            values = generate_test_value(graph, "cpu", [torch.from_numpy(image)], None)
            exporter = library.Exporter(platform=get_target_platform(how.target, how.bits))
            exporter.export(file_path=str(temporary), graph=graph, values_for_test=values, metadata_props=table)
        simulator = simulator_path(temporary)
        quantised = Quantised(graph, with_weights(unshared(model, graph), graph), how)
        save_simulation(quantised, simulator, table, temporary)
        _check(graph, simulator, image)
        card, constants = ModelCard.from_metadata(table), read_constants(table)
        decode = write_decode_files(Path(folder), path.stem, card, constants, source, outputs)
        made = [*(temporary.with_suffix(suffix) for suffix in (path.suffix, ".info", ".json")), simulator, *decode]
        return [file.replace(path.with_name(file.name)) for file in made]


def _check(graph: Any, file: Path, image: NDArray[np.float32]) -> None:
    again, _ = load_simulation(file)
    ours, theirs = Simulation(graph).run(image), Simulation(again).run(image)
    if not all(np.array_equal(ours[name], theirs[name]) for name in ours):
        raise RuntimeError(f"{file.name}: the simulation differs from the graph that was quantised")


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

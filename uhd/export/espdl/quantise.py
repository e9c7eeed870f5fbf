"""Quantise a prepared graph with esp-ppq for a chip."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from uhd.compress.int8.correct_bias import BIASED, mean_errors
from uhd.errors import UserError
from uhd.export.espdl.bias_steps import widen_steps
from uhd.export.espdl.equalise import equalise
from uhd.export.espdl.reconstruct import reconstruct_layers
from uhd.export.espdl.relus import StoredRelus, store_relus, without_nodes
from uhd.export.espdl.rounding import rounded
from uhd.export.espdl.simulation import Simulation
from uhd.export.espdl.toolchain import chatter_to, require_esp_ppq

# What the last of 127 steps of 2 ** -7 stands for: a pixel of 1, just above it, does not ask for steps of 2 ** -6.
_WHITE = np.float32(127 / 128)


@dataclass(frozen=True)
class Quantisation:
    """How a graph is quantised.

    Attributes:
        target: ``esp32s3``, ``esp32p4`` or ``c`` (plain C, any chip).
        bits: of weights and activations, 8 or 16.
        algorithm: how the range of an activation is found; ``auto`` takes ``percentile`` where there are 8 bits and
            ``minmax`` where there are 16, whose steps are so fine that nothing need be cut.
        equalise: weights between layers first.
        device: ``cpu`` or ``cuda``.
        batch_size: images per calibration step.
        equalisation: settings of esp-ppq's own equalisation; None takes :mod:`uhd.export.espdl.equalise`.
        correct_biases: take the mean error of rounded weights out of the biases.
        reconstruct: fit rounded weights and biases of convolutions, layer by layer, to what the float layers put out.
        store_relus: leave Relus to storing where the chip can, which has twice the codes for them
            (:mod:`uhd.export.espdl.relus`).
    """

    target: str = "esp32s3"
    bits: int = 8
    algorithm: str = "auto"
    equalise: bool = True
    device: str = "cpu"
    batch_size: int = 1
    equalisation: Mapping[str, float] | None = None
    correct_biases: bool = False
    reconstruct: bool = False
    store_relus: bool = False


@dataclass(frozen=True, eq=False)
class Quantised:
    """A quantised graph.

    Attributes:
        graph: of esp-ppq, ready for its executor.
        model: the float graph as esp-ppq read it (simplified), with the equalised weights, less the Relus that are
            left to storing.
        how: it was quantised.
    """

    graph: Any
    model: onnx.ModelProto
    how: Quantisation


def quantise(
    model: onnx.ModelProto,
    images: NDArray[np.float32],
    how: Quantisation,
    int16: AbstractSet[str] = frozenset(),
    log: Path | None = None,
) -> Quantised:
    """Calibrate and quantise; the same inputs give the same result.

    Args:
        model: from :func:`uhd.export.espdl.prepare.prepare`.
        images: (n, C, h, w) float32 in [0, 1].
        how: target, bits, calibration.
        int16: nodes in 16 bits.
        log: what esp-ppq prints goes there.

    Raises:
        UserError: esp-ppq is missing, no CUDA device, or esp-ppq does not take the model.
    """
    require_esp_ppq()
    if how.equalise and how.equalisation is None:
        model = equalise(model, images)
    if how.device == "cuda" and not torch.cuda.is_available():
        raise UserError("--device cuda: there is no CUDA device; leave it out")
    shown = np.where((images > _WHITE) & (images <= 1), _WHITE, images) if how.algorithm == "auto" else images
    batches = [torch.from_numpy(shown[i : i + how.batch_size]) for i in range(0, len(images), how.batch_size)]
    with tempfile.TemporaryDirectory() as folder, chatter_to(log):
        from esp_ppq.api import espdl_quantize_onnx

        # esp-ppq simplifies the file it reads in place.
        copy = Path(folder) / "model.onnx"
        onnx.save(with_batch(model, how.batch_size), str(copy))
        try:
            graph = espdl_quantize_onnx(
                onnx_import_file=str(copy),
                espdl_export_file=str(Path(folder) / "unused.espdl"),
                calib_dataloader=batches,
                calib_steps=max(2, len(batches)),
                input_shape=[list(batches[0].shape)],
                inputs=[batches[0].to(how.device)],
                target=how.target,
                num_of_bits=how.bits,
                setting=_setting(how, int16),
                device=how.device,
                error_report=False,
                skip_export=True,
                verbose=0,
            )
        except Exception as error:
            # Its exceptions have no common base class; what it did not like is at the end of the log.
            where = f"; see {log}" if log else ""
            raise UserError(f"esp-ppq cannot quantise this model: {_reason(error)}{where}") from error
        simplified = with_batch(onnx.load(str(copy)), 1)
        _to_cpu(graph, how.device)
        _to_one_image(graph, how.batch_size)
        return Quantised(graph, _fit(graph, with_weights(simplified, graph), images, how), how)


def _fit(graph: Any, model: onnx.ModelProto, images: NDArray[np.float32], how: Quantisation) -> onnx.ModelProto:
    """Make up for the rounding in esp-ppq's graph, in place, as far as is asked for.

    Args:
        graph: calibrated, on the CPU.
        model: the float graph with the same names and weights.

    Returns:
        the float graph with the nodes that are left.
    """
    stored = store_relus(graph) if how.store_relus else StoredRelus({}, frozenset())
    widen_steps(graph)
    fit = how.reconstruct and not Simulation(graph).one_by_one
    fitted = reconstruct_layers(graph, model, images, stored.offsets) if fit else frozenset()
    if how.correct_biases:
        _correct_biases(graph, model, images, fitted)
    return without_nodes(model, stored.nodes)


def _correct_biases(graph: Any, model: onnx.ModelProto, images: NDArray[np.float32], fitted: AbstractSet[str]) -> None:
    """Take the mean error of rounded weights out of the biases of esp-ppq's graph, in place, but of fitted layers."""
    from esp_ppq.IR import QuantableOperation

    found = {}
    for name, layer in graph.operations.items():
        if name in fitted or not isinstance(layer, QuantableOperation):
            continue
        if layer.type in BIASED and layer.num_of_parameter > 1:
            found[name] = rounded(layer.parameters[0].value, layer.input_quant_config[1])
    feeds = (image[None] for image in images)
    for name, error in mean_errors(model, found, feeds).items():
        bias = graph.operations[name].parameters[1]
        bias.value = bias.value - torch.from_numpy(error).to(bias.value)


def _setting(how: Quantisation, int16: AbstractSet[str]) -> Any:
    """Return esp-ppq's settings."""
    from esp_ppq.api.espdl_interface import get_target_platform
    from esp_ppq.api.setting import QuantizationSettingFactory

    setting = QuantizationSettingFactory.espdl_setting(how.bits)
    ranges = setting.quantize_activation_setting
    if how.algorithm == "auto":
        ranges.calib_algorithm = "percentile" if how.bits == 8 else "minmax"
        ranges.calib_algorithm_per_layer = dict.fromkeys(int16, "minmax")
    else:
        ranges.calib_algorithm = how.algorithm
    if how.equalise and how.equalisation is not None:
        setting.equalization = True
        for name, value in how.equalisation.items():
            setattr(setting.equalization_setting, name, value)
    for name in sorted(int16):
        setting.dispatching_table.append(name, get_target_platform(how.target, 16))
    return setting


def _to_cpu(graph: Any, device: str) -> None:
    """Bring weights and scales back: simulating and comparing happen on the CPU."""
    from esp_ppq.executor import TorchExecutor

    if device != "cpu":
        TorchExecutor(graph=graph, device="cpu")


def _to_one_image(graph: Any, batch: int) -> None:
    """Make a graph that was calibrated in batches one for single images, in place: the chip sees one at a time."""
    if batch == 1:
        return
    for variable in graph.variables.values():
        if not variable.is_parameter and variable.shape and variable.shape[0] == batch:
            variable.shape = [1, *variable.shape[1:]]
    for operation in graph.operations.values():
        if operation.type == "Resize" and len(operation.inputs) > 3:
            operation.inputs[3].value[0] = 1


def with_weights(model: onnx.ModelProto, graph: Any) -> onnx.ModelProto:
    """Return a copy of the graph with the weights that esp-ppq's graph has now (equalised)."""
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    for tensor in changed.graph.initializer:
        variable = graph.variables.get(tensor.name)
        value = getattr(variable, "value", None)
        if isinstance(value, torch.Tensor) and value.is_floating_point():
            array = value.detach().cpu().numpy().reshape(tuple(tensor.dims))
            tensor.CopyFrom(onnx.numpy_helper.from_array(np.ascontiguousarray(array), tensor.name))
    return changed


def with_batch(model: onnx.ModelProto, batch: int) -> onnx.ModelProto:
    """Return the graph, or a copy for another batch size: input, outputs and the sizes of resizes."""
    if model.graph.input[0].type.tensor_type.shape.dim[0].dim_value == batch:
        return model
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    for entry in (*changed.graph.input, *changed.graph.output):
        entry.type.tensor_type.shape.dim[0].dim_value = batch
    values = {tensor.name: tensor for tensor in changed.graph.initializer}
    for node in changed.graph.node:
        if node.op_type == "Resize" and len(node.input) > 3 and node.input[3] in values:
            sizes = onnx.numpy_helper.to_array(values[node.input[3]]).copy()
            sizes[0] = batch
            values[node.input[3]].CopyFrom(onnx.numpy_helper.from_array(sizes, node.input[3]))
    del changed.graph.value_info[:]
    return changed


def _reason(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]

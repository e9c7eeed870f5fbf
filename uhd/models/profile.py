"""Parameters, multiply-adds and layers of a model."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from uhd.models.network import DetectorNetwork
from uhd.models.transformer.layers import Attention

RUNS = 30


@dataclass(frozen=True)
class LayerCost:
    """One layer.

    Attributes:
        name, kind: where it stands and what it is.
        output: shape without the batch.
        params: trainable parameters of its own.
        macs: multiply-adds of convolutions, matrices and attention.
        flops: 2 x MACs, plus one per output element for biases, norms, activations and pooling windows.
        live: bytes of its inputs and outputs in float32.
        milliseconds: mean of several runs; None where nothing was measured.
    """

    name: str
    kind: str
    output: tuple[int, ...]
    params: int
    macs: int
    flops: int
    live: int = 0
    milliseconds: float | None = None


@dataclass(frozen=True)
class Profile:
    """What a model costs at one input size.

    Attributes:
        input_size: (height, width).
        params: trainable parameters.
        folded: parameters after batch-norm is folded into the convolutions, as an exported file holds them.
        backbone, head: trainable parameters of either part.
        macs: multiply-adds of all layers.
        flops: of all layers.
        layers: in order of execution.
        quantisation: how it is fake-quantised, "" for not at all.
    """

    input_size: tuple[int, int]
    params: int
    folded: int
    backbone: int
    head: int
    macs: int
    flops: int
    layers: tuple[LayerCost, ...]
    quantisation: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)

    def to_text(self, layers: bool = True) -> str:
        """Return a table for a terminal."""
        lines = []
        if layers:
            width = max(len(layer.name) for layer in self.layers)
            timed = self.layers[0].milliseconds is not None
            ms = f" {'ms':>8}" if timed else ""
            lines.append(f"{'layer':<{width}}  {'kind':<12} {'output':>14} {'params':>9} {'MACs':>11}{ms}")
            for layer in self.layers:
                shape = "x".join(map(str, layer.output))
                spent = "" if layer.milliseconds is None else f" {layer.milliseconds:>8.4f}"
                lines.append(
                    f"{layer.name:<{width}}  {layer.kind:<12} {shape:>14} {layer.params:>9,} {layer.macs:>11,}{spent}"
                )
            lines.append("")
        lines += [
            f"input           {self.input_size[0]}x{self.input_size[1]}",
            f"parameters      {self.params:,} trainable (backbone {self.backbone:,}, head {self.head:,})",
            f"                {self.folded:,} with batch-norm folded",
            f"multiply-adds   {self.macs:,}",
            f"FLOPs           {self.flops:,} (2 x multiply-adds, plus element-wise work)",
            f"activations     {max(each.live for each in self.layers):,} bytes: inputs and output of the largest layer",
        ]
        if self.quantisation:
            lines.append(f"fake-quantised  {self.quantisation}")
        return "\n".join(lines)


def profile(model: DetectorNetwork, size: tuple[int, int] = (64, 64), runs: int = 0) -> Profile:
    """Run the model once on zeros of (height, width) and count; with ``runs`` so often more, and measure."""
    layers: list[LayerCost] = []
    handles = []

    def count(name: str, module: nn.Module) -> None:
        def hook(_module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            elements = output[0].numel()
            macs = 0
            flops = elements
            if isinstance(module, nn.Conv2d):
                kernel = module.weight[0].numel()
                macs = elements * kernel
                flops = 2 * macs + (elements if module.bias is not None else 0)
            elif isinstance(module, nn.Linear):
                macs = elements * module.in_features
                flops = 2 * macs + (elements if module.bias is not None else 0)
            elif isinstance(module, Attention):
                macs = module.multiply_adds(inputs)
                flops = 2 * macs
            elif isinstance(module, nn.MaxPool2d):
                flops = elements * 25
            params = sum(p.numel() for p in module.parameters(recurse=False))
            live = 4 * (sum(each.numel() for each in inputs if isinstance(each, Tensor)) + output.numel())
            layers.append(LayerCost(name, type(module).__name__, tuple(output.shape[1:]), params, macs, flops, live))

        handles.append(module.register_forward_hook(hook))

    for name, module in model.named_modules():
        leaf = not list(module.children()) and not isinstance(module, nn.Identity)
        if leaf or isinstance(module, Attention):
            count(name, module)
    training = model.training
    model.eval()
    with torch.inference_mode():
        device = next(model.parameters()).device
        model(torch.zeros(1, model.config.in_channels, *size, device=device))
    for handle in handles:
        handle.remove()
    if runs:
        spent = _layer_times(model, [layer.name for layer in layers], size, runs)
        layers = [replace(layer, milliseconds=ms) for layer, ms in zip(layers, spent, strict=True)]
    model.train(training)
    params = sum(p.numel() for p in model.parameters() if p.requires_grad)
    norms = sum(module.num_features for module in model.modules() if isinstance(module, nn.BatchNorm2d))
    head = sum(p.numel() for name, p in model.named_parameters() if p.requires_grad and "head" in name.split(".")[0])
    macs, flops = sum(layer.macs for layer in layers), sum(layer.flops for layer in layers)
    quantisation = "" if model.quantisation is None else str(model.quantisation)
    return Profile(size, params, params - norms, params - head, head, macs, flops, tuple(layers), quantisation)


@torch.inference_mode()
def _layer_times(model: DetectorNetwork, names: list[str], size: tuple[int, int], runs: int) -> list[float]:
    """Return the mean milliseconds of every call of a layer, in order of execution, which is that of ``names``."""
    spent, began, calls = [0.0] * len(names), [0.0], [0]

    def start(_module: nn.Module, _inputs: object) -> None:
        began[0] = time.perf_counter()

    def stop(_module: nn.Module, _inputs: object, _output: object) -> None:
        spent[calls[0] % len(names)] += time.perf_counter() - began[0]
        calls[0] += 1

    modules = [model.get_submodule(name) for name in dict.fromkeys(names)]
    handles = [module.register_forward_pre_hook(start) for module in modules]
    handles += [module.register_forward_hook(stop) for module in modules]
    zeros = torch.zeros(1, model.config.in_channels, *size, device=next(model.parameters()).device)
    for run in range(runs + 3):
        if run == 3:
            spent[:] = [0.0] * len(names)
        model(zeros)
    for handle in handles:
        handle.remove()
    return [1000 * each / runs for each in spent]

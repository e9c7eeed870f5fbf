"""From a torch network to a float32 ``.tflite`` with named outputs, height x width x channels."""

from __future__ import annotations

import copy
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from uhd.card import ModelSpec
from uhd.compress.fake_quantise import strip
from uhd.errors import UserError
from uhd.export.litert.flatbuffer import rename
from uhd.export.onnx.form import ExportForm
from uhd.export.onnx.graphs import Maps
from uhd.export.onnx.heads import Finish
from uhd.export.onnx.postprocess import outputs_of
from uhd.models.network import DetectorNetwork, check_size, maps_of
from uhd.models.ultratinyod.head import Head
from uhd.models.ultratinyod.network import UltraTinyOD
from uhd.resize import input_channels
from uhd.runtime.quiet import quietly

INPUT = "image"


class _Graph(nn.Module):
    """Images (1, h, w, C) to the outputs of a form, maps as (1, h, w, channels)."""

    def __init__(self, network: DetectorNetwork, finish: Finish) -> None:
        super().__init__()
        self.network, self.finish = network, finish

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        found = self.finish(self._maps(pixels.permute(0, 3, 1, 2)))
        return tuple(each.permute(0, 2, 3, 1) if each.ndim == 4 else each for each in found)

    def _maps(self, images: Tensor) -> Maps:
        network = self.network
        if isinstance(network, UltraTinyOD):
            # The branches as they leave the head, each with a scale of its own when quantised.
            return Head.forward(network.head, network.backbone(images))
        return dict(zip(network.output_names, maps_of(network(images)), strict=True))


def to_float32(network: DetectorNetwork, spec: ModelSpec, form: ExportForm) -> tuple[bytes, tuple[str, ...]]:
    """Return the file's content and the names of its outputs.

    Args:
        network: any mode, any device; it is not changed. A fake-quantised one is written with its weights on their grid
            and float activations.
        spec: size and colours of the input.
        form: parts, raw or merged, for one image.

    Raises:
        UserError: a size or resize mode that does not fit, or a network that litert-torch cannot convert.
    """
    check_size(spec.input_size, network.stride)
    channels = input_channels(spec.resize_mode)
    if channels != network.config.in_channels:
        raise UserError(
            f"--resize-mode {spec.resize_mode} gives {channels} channels, but the model takes "
            f"{network.config.in_channels}"
        )
    model = strip(copy.deepcopy(network).cpu().eval())
    # Reading anchors as NumPy arrays is not possible while a graph is being traced.
    layout = model.layout()
    model.layout = lambda: layout  # type: ignore[method-assign]
    names, finish = outputs_of(model, form)
    pixels = torch.zeros(1, *spec.input_size, channels)
    return rename(_convert(_Graph(model, finish).eval(), pixels, network.arch), INPUT, names), names


def _convert(graph: nn.Module, pixels: Tensor, arch: str) -> bytes:
    with quietly():
        import litert_torch

        try:
            converted: Any = litert_torch.convert(graph, (pixels,))
        except Exception as error:  # they share no base class
            reason = " ".join(str(error).split())[:160]
            raise UserError(f"litert-torch cannot convert this {arch}: {reason}") from error
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "float32.tflite"
            converted.export(str(path))
            return path.read_bytes()

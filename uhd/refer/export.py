"""Write a network of this task as two ONNX files, and compare them with it before they are there."""

from __future__ import annotations

import contextlib
import io
import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from torch import nn

from uhd.errors import UserError
from uhd.files import save_atomic
from uhd.refer.model.graphs import IMAGE_OUTPUTS, PROMPT_INPUTS, ImageGraph, PromptGraph
from uhd.refer.model.network import ReferNetwork
from uhd.refer.onnx_finder import prompt_file
from uhd.resize import format_size
from uhd.runtime.onnx import open_session

OPSET = 17
LARGEST_DIFFERENCE = 1e-4
_FREE = {"words": {0: "P", 1: "L"}, "points": {0: "P", 1: "K"}, "shown": {0: "P", 1: "K"}, "scores": {0: "P"}}


def export_refer(
    network: ReferNetwork, path: Path, size: tuple[int, int], resize_mode: str, notes: Mapping[str, str]
) -> float:
    """Write ``path``, the image graph, and beside it the prompt graph; return the largest difference to the network.

    Args:
        network: in evaluation mode, on the processor.
        path: ends in ``.onnx``.
        size: (H, W) of the pictures, multiples of 32.
        resize_mode: how pictures become input.
        notes: more text for the metadata.

    Raises:
        UserError: a size that does not fit, or the files cannot be written.
        RuntimeError: a graph computes something else than the network; nothing is written.
    """
    if path.suffix.lower() != ".onnx":
        raise UserError(f"{path}: name a file that ends in .onnx")
    if size[0] % 32 or size[1] % 32:
        raise UserError(f"--img-size {format_size(size)}: both sides must be multiples of 32")
    rng = torch.Generator().manual_seed(0)
    # Between pixels of plain noise, rounding of a keypoint's place alone would be a difference of colour; places in a
    # large picture are rounded more coarsely, and its noise is as much coarser.
    cell = max(8, max(size) // 12)
    coarse = torch.rand(1, 3, -(-size[0] // cell), -(-size[1] // cell), generator=rng)
    picture = nn.functional.interpolate(coarse, size=size, mode="bilinear")
    image = ImageGraph(network, size).eval()
    with torch.no_grad():
        found = dict(zip(IMAGE_OUTPUTS, image(picture), strict=True))
    prompts = {
        "words": torch.randint(1, len(network.vocabulary), (2, 5), generator=rng),
        "points": torch.rand(2, 12, 2, generator=rng),
        "shown": torch.ones(2, 12),
        "kind": torch.tensor([0.0, 1.0, 0.0]),
    }
    asked = tuple((found | prompts)[name] for name in PROMPT_INPUTS)
    prompt = PromptGraph(network, size).eval()
    graphs = {
        path: _trace(image, (picture,), ("images",), IMAGE_OUTPUTS),
        prompt_file(path): _trace(prompt, asked, PROMPT_INPUTS, ("scores",)),
    }
    with torch.no_grad():
        pairs = ((graphs[path], (picture,), image(picture)), (graphs[prompt_file(path)], asked, (prompt(*asked),)))
    worst = max(_difference(*pair) for pair in pairs)
    if worst > LARGEST_DIFFERENCE:
        raise RuntimeError(f"the exported graphs differ from the model by {worst:.2g}; nothing was written")
    table = {
        **notes, "task": "refer", "img_size": format_size(size), "resize_mode": resize_mode,
        "words": json.dumps(list(network.vocabulary.words)), "max_words": str(network.config.max_words),
    }  # fmt: skip
    for place, graph in graphs.items():
        onnx.helper.set_model_props(graph, {**table, "part": "image" if place == path else "prompt"})
        save_atomic(place, lambda temporary, graph=graph: onnx.save(graph, str(temporary)))  # type: ignore[misc]
    return worst


def _trace(
    graph: nn.Module, inputs: tuple[Any, ...], names: tuple[str, ...], outputs: tuple[str, ...]
) -> onnx.ModelProto:
    buffer = io.BytesIO()
    axes = {name: table for name, table in _FREE.items() if name in (*names, *outputs)}
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")  # of the older exporter, and of shapes that are meant as constants
        torch.onnx.export(
            graph, inputs, buffer,  # type: ignore[arg-type]  # its annotation forgets file objects
            dynamo=False, opset_version=OPSET, input_names=list(names), output_names=list(outputs),
            dynamic_axes=axes or None,
        )  # fmt: skip
    return onnx.load_from_string(buffer.getvalue())


def _difference(graph: onnx.ModelProto, inputs: tuple[Any, ...], wanted: tuple[torch.Tensor, ...]) -> float:
    """Return the largest difference of any output, of large ones relative to them."""
    session = open_session(graph.SerializeToString())
    names = [each.name for each in session.get_inputs()]
    order = [each.name for each in graph.graph.input]
    feed = {name: value.numpy() for name, value in zip(order, inputs, strict=True) if name in names}
    out = session.run(None, feed)
    return max(
        float(np.max(np.abs(a - b.numpy()) / np.maximum(1, np.abs(b.numpy())), initial=0))
        for a, b in zip(out, wanted, strict=True)
    )

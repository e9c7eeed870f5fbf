"""``uhd refer export``: a checkpoint as two ONNX files."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from uhd.cli.flags import Flags
from uhd.cli.output import claim
from uhd.config import knob, same_knob
from uhd.config.groups import NetworkSize
from uhd.errors import UserError


@dataclass(frozen=True)
class ReferExportConfig:
    """What is written."""

    output: Path = knob(Path("refer.onnx"), "image graph; the prompt graph is written beside it as NAME.prompt.onnx")
    img_size: tuple[int, int] | None = same_knob(
        NetworkSize, "img_size", None, help="other input size than in training, multiples of 32"
    )


def main(argv: Sequence[str]) -> int:
    """Export; returns the exit code."""
    flags = Flags("uhd refer export", "Write a checkpoint of this task as two ONNX files.", (ReferExportConfig,))
    flags.add_positional("checkpoint", nargs="?", type=Path, help=".safetensors, .pt or run folder")
    resolved = flags.resolve(argv)
    config, source = resolved[ReferExportConfig], resolved.positional.get("checkpoint")
    if source is None:
        raise UserError("uhd refer export needs a checkpoint: uhd refer export runs/default --output refer.onnx")

    from uhd.refer.export import export_refer
    from uhd.refer.network_file import input_of, load_network
    from uhd.refer.onnx_finder import prompt_file

    for path in (config.output, prompt_file(config.output)):
        claim(path, (".onnx",), [source] if source.is_file() else [])
    network, meta = load_network(source)
    size, mode = input_of(meta)
    worst = export_refer(network, config.output, config.img_size or size, mode, {})
    print(f"wrote {config.output} and {prompt_file(config.output)}; they and torch differ by {worst:.1e} at most")
    model = shlex.quote(str(config.output))
    print(f'next: uhd refer predict photo.jpg --model {model} --text "the leftmost person" --output found.png')
    return 0

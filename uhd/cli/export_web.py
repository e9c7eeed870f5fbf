"""``uhd export --format web``: a folder with a page that runs the model in the browser."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from uhd.cli.flags import Flags
from uhd.config import knob
from uhd.errors import UserError


@dataclass(frozen=True)
class WebExportConfig:
    """What is written, and from what."""

    checkpoint: Path | None = knob(None, "checkpoint (.safetensors or .pt), or .onnx without post-processing")
    output: Path | None = knob(None, "folder of the page (default: the checkpoint's name with _web)")


def main(argv: Sequence[str], program: str = "uhd export --format web", default_preset: str = "uhd") -> int:
    """Write a page; returns the exit code."""
    flags = Flags(
        program, "Compile a model for the browser, with the page that runs it.", (WebExportConfig,), default_preset
    )
    flags.add_positional("source", nargs="?", type=Path, help="checkpoint (.safetensors or .pt)")
    resolved = flags.resolve(argv)
    config = resolved[WebExportConfig]
    source = resolved.positional.get("source") or config.checkpoint
    if source is None:
        raise UserError("which checkpoint? give --checkpoint FILE")
    folder = config.output or source.with_name(f"{source.stem}_web")
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder}: is not a folder; name one to write the page into")

    from uhd.export.c.open_model import open_network, open_onnx
    from uhd.export.web import export_web

    if source.suffix.lower() == ".onnx":
        opened = open_onnx(source)
    else:
        from uhd.models.predictor import spec_of
        from uhd.models.weights import digest, load_model

        network, meta = load_model(source)
        spec = spec_of(meta)
        if not spec.version:
            spec = dataclasses.replace(spec, version=digest(network.state_dict()))
        opened = open_network(network, spec)
    done = export_web(opened, folder)
    for file in done.files:
        print(f"wrote {file} ({file.stat().st_size / 1e3:.1f} kB)")
    print(f"weights as half floats: changed by at most {done.largest_rounding:.1e} of the largest of their layer")
    print(f"look at it: uhd web --model {folder}")
    return 0

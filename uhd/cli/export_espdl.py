"""``uhd export --format espdl`` and the original's ``uhd/quantize_onnx_model_for_esp32.py``."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from uhd.cli import guarded
from uhd.cli.flags import Flags
from uhd.cli.output import JSON, claim
from uhd.errors import UserError
from uhd.export.espdl.config import EspdlConfig


def main(argv: Sequence[str], program: str = "uhd export --format espdl", default_preset: str = "uhd") -> int:
    """Quantise for ESP-DL; returns the exit code."""
    flags = Flags(program, "Quantise a model for the ESP32-S3 or ESP32-P4.", (EspdlConfig,), default_preset)
    flags.add_positional(
        "source", nargs="?", type=Path, help="model (.onnx without post-processing, .safetensors, .pt)"
    )
    resolved = flags.resolve(argv)
    config = resolved[EspdlConfig]
    source = resolved.positional.get("source") or config.onnx_model
    if source is None:
        raise UserError("which model? give --onnx-model FILE")
    if config.image_dir is None:
        raise UserError("which images to calibrate on? give --image-dir DIR")
    named = "source" in resolved.positional or "onnx_model" in resolved.typed
    # The preset's name of the result goes with the preset's model, not with another one.
    given = config.espdl_model if "espdl_model" in resolved.typed or not named else None
    path = claim(config.output or given or source.with_suffix(".espdl"), (".espdl",), [source])
    if path.suffix.lower() != ".espdl":
        raise UserError(f"{path}: the file's name must end in .espdl, by which it is known again")
    if config.latency_json is not None:
        claim(config.latency_json, JSON, [source])

    from uhd.export.espdl.toolchain import require_esp_ppq

    require_esp_ppq()

    import torch

    # Layers this small are slower with several threads.
    torch.set_num_threads(1)

    from uhd.export.espdl.export import export_espdl
    from uhd.export.espdl.score import to_text
    from uhd.export.espdl.source import open_source

    prepared, spec = open_source(source, config)
    done = export_espdl(prepared, spec, path, config, lambda line: print(line, flush=True))
    if done.search is not None:
        print(done.search.to_text())
    for file in done.files:
        print(f"wrote {file} ({file.stat().st_size / 1e3:.0f} kB)")
    if done.latency is not None:
        print(done.latency.to_text() if config.latency else "\n".join(done.latency.summary()))
    elif config.latency or config.latency_json:
        print(f"no estimate of time: nothing is known of the target {config.target}")
    if config.latency_json is not None and done.latency is not None:
        config.latency_json.write_text(json.dumps(done.latency.to_dict(), indent=1), encoding="utf-8")
    if done.scores:
        print(to_text(done.scores, done.scored_images))
    return 0


def original(argv: Sequence[str] | None = None) -> int:
    """Run with the original's flags and defaults."""
    arguments = sys.argv[1:] if argv is None else argv
    return guarded(lambda: main(arguments, "quantize_onnx_model_for_esp32.py", "original"))

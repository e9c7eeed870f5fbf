"""``uhd export --format litert``: a checkpoint as float32, float16, dynamic-range and full-integer ``.tflite``."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from uhd.cli.flags import Flags
from uhd.cli.output import claim
from uhd.errors import UserError
from uhd.export.litert.config import LitertConfig


def main(argv: Sequence[str], program: str = "uhd export --format litert", default_preset: str = "uhd") -> int:
    """Write LiteRT files; returns the exit code."""
    flags = Flags(program, "Write a checkpoint as LiteRT files (.tflite).", (LitertConfig,), default_preset)
    flags.add_positional("source", nargs="?", type=Path, help="checkpoint (.safetensors or .pt)")
    resolved = flags.resolve(argv)
    config = resolved[LitertConfig]
    source = resolved.positional.get("source") or config.checkpoint
    if source is None:
        raise UserError("which checkpoint? give --checkpoint FILE")
    kinds = config.chosen()
    path = claim(config.output or source.with_suffix(".tflite"), (".tflite",), [source])

    from uhd.export.litert.toolchain import require_litert

    require_litert()

    from uhd.export.litert.export import export_litert
    from uhd.models.predictor import TorchPredictor, spec_of
    from uhd.models.weights import digest, load_model

    network, meta = load_model(source, config.ema)
    spec = spec_of(meta)
    if config.licence:
        spec = dataclasses.replace(spec, licence=config.licence)
    if not spec.version:
        spec = dataclasses.replace(spec, version=digest(network.state_dict()))
    if config.img_size is not None:
        spec = dataclasses.replace(spec, input_size=config.img_size)
    if not config.kinds and "full-integer" not in kinds:
        why = "has no --calibration DIR" if config.calibration is None else "needs separate outputs"
        print(f"full-integer is left out: it {why}")
    done = export_litert(network, path, spec, config, lambda line: print(line, flush=True))
    for file in (*done.models.values(), *done.sidecars):
        print(f"wrote {file} ({file.stat().st_size / 1e3:.1f} kB)")
    if done.difference is not None:
        print(f"largest difference of float32 to torch: {done.difference:.2e}")
    if config.score is not None:
        from uhd.export.espdl.score import labelled, score
        from uhd.runtime.litert import LitertPredictor

        dataset = labelled(config.score, spec, spec.classes or (0,))
        scores = [score("torch", TorchPredictor(network, spec), dataset)]
        scores += [score(kind, LitertPredictor(file), dataset) for kind, file in done.models.items()]
        print(f"{'kind':<18}    AP50      AP  ({len(dataset.records)} images)")
        for each in scores:
            print(f"{each.form:<18}  {each.ap50:.4f}  {each.ap:.4f}")
    return 0

"""``uhd export`` and the root script ``export_onnx.py``."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from uhd.cli.flags import Flags
from uhd.cli.output import claim
from uhd.config import knob
from uhd.errors import UserError
from uhd.resize import parse_size


@dataclass(frozen=True)
class ExportConfig:
    """Which weights become which form of ONNX."""

    checkpoint: Path | None = knob(None, "checkpoint (.pt or .safetensors)")
    weights: Path | None = knob(None, "the same, under the original's other name")
    output: Path | None = knob(None, "file to write (.onnx)")
    img_size: tuple[int, int] | None = knob(
        None, "network size, height x width (default: the checkpoint's)", parse=parse_size, original=(64, 64)
    )
    opset: int = knob(17, "ONNX opset, 17 to 20")
    topk: int = knob(100, "rows of the merged output", minimum=1)
    conf_thresh: float = knob(0.0, "scores below become 0", minimum=0, maximum=1)
    merge_postprocess: bool = knob(True, "decode inside the graph: score_classid_cxcywh [1, K, 6]")
    noconcat_box_obj_quality_cls: bool = knob(False, "separate raw outputs, with --no-merge-postprocess")
    merge_primitive_postprocess: bool = knob(False, "decoded maps without top-k (not available yet)")
    dynamic_resize: bool = knob(False, "resize inside the graph (not available yet)")
    simplify: bool = knob(True, "simplify the graph")
    decompose_bn: bool = knob(True, "without effect: batch-norm is always folded")
    ema: bool = knob(True, "averaged weights where the checkpoint has them")
    non_strict: bool = knob(False, "without effect: a checkpoint that does not fit is an error")
    licence: str = knob("", "licence of the weights, written into the file")
    verify: bool = knob(False, "compare with torch on random images")


def main(argv: Sequence[str], program: str = "uhd export", default_preset: str = "uhd") -> int:
    """Export; returns the exit code."""
    flags = Flags(program, "Write a checkpoint as ONNX.", (ExportConfig,), default_preset)
    flags.add_positional("source", nargs="?", type=Path, help="checkpoint (.pt or .safetensors)")
    resolved = flags.resolve(argv)
    config = resolved[ExportConfig]
    source = resolved.positional.get("source") or config.checkpoint or config.weights
    if source is None:
        raise UserError("which checkpoint? give --checkpoint FILE")
    for name in ("merge_primitive_postprocess", "dynamic_resize"):
        if getattr(config, name):
            raise UserError(f"--{name.replace('_', '-')} is not available yet")
    output = claim(config.output or source.with_suffix(".onnx"), (".onnx",), [source])

    from uhd.compress.fake_quantise import strip
    from uhd.export.onnx import export_onnx
    from uhd.export.verify import largest_difference
    from uhd.models.predictor import spec_of
    from uhd.models.ultratinyod import UltraTinyOD
    from uhd.models.weights import load_model

    model, meta = load_model(source)
    if not isinstance(model, UltraTinyOD):
        raise UserError(f"{source}: {model.arch} cannot be exported yet")
    model = strip(model)
    spec = spec_of(meta)
    if config.licence:
        spec = dataclasses.replace(spec, licence=config.licence)
    if config.img_size is not None and ("img_size" in resolved.typed or not meta.get("img_size")):
        spec = dataclasses.replace(spec, input_size=config.img_size)
    graph = export_onnx(
        model, output, spec, form_of(config), config.topk, config.conf_thresh, config.opset, config.simplify
    )
    print(f"wrote {output} ({output.stat().st_size / 1e6:.2f} MB)")
    if config.verify:
        print(f"largest difference to torch: {largest_difference(graph, model, spec.input_size):.2e}")
    return 0


def form_of(config: ExportConfig) -> str:
    """Return the form that the original's switches ask for.

    Raises:
        UserError: separate outputs were asked for together with the merged one.
    """
    if config.merge_postprocess:
        if config.noconcat_box_obj_quality_cls:
            raise UserError("--noconcat-box-obj-quality-cls goes with --no-merge-postprocess")
        return "merged"
    return "parts" if config.noconcat_box_obj_quality_cls else "raw"

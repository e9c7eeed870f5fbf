"""``uhd export`` and the root script ``export_onnx.py``."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uhd.cli.flags import Flags
from uhd.cli.output import claim
from uhd.config import knob
from uhd.errors import UserError, nearest
from uhd.models import ARCHITECTURES
from uhd.resize import parse_size

if TYPE_CHECKING:
    from uhd.card import ModelCard
    from uhd.export.onnx.form import ExportForm
    from uhd.models.network import DetectorNetwork

# Formats with flags of their own, by the module whose ``main`` writes them.
OTHER_FORMATS = {
    "c": "uhd.cli.export_c",
    "espdl": "uhd.cli.export_espdl",
    "litert": "uhd.cli.export_litert",
    "web": "uhd.cli.export_web",
}


def parse_batch(text: str) -> int:
    """Return the images per run, 0 for any number."""
    if text.lower() in ("dynamic", "n", "0"):
        return 0
    if not text.isdigit():
        raise ValueError("is neither a number nor dynamic")
    return int(text)


@dataclass(frozen=True)
class ExportConfig:
    """Which weights become which form of ONNX."""

    format: str = knob("onnx", "what to write; each has its own --help", choices=("onnx", "onnx-int8", *OTHER_FORMATS))
    checkpoint: Path | None = knob(None, "checkpoint (.pt or .safetensors)")
    weights: Path | None = knob(None, "the same, under the original's other name")
    output: Path | None = knob(None, "file to write (.onnx)")
    arch: str | None = knob(None, "architecture the checkpoint must be of", choices=tuple(ARCHITECTURES))
    img_size: tuple[int, int] | None = knob(
        None, "network size, height x width (default: the checkpoint's)", parse=parse_size, original=(64, 64)
    )
    opset: int = knob(17, "ONNX opset, 13 to 20")
    topk: int = knob(100, "rows of the merged output", minimum=1, group="output")
    conf_thresh: float = knob(0.0, "scores below become 0", minimum=0, maximum=1, group="output")
    merge_postprocess: bool = knob(True, "decode in the graph: score_classid_cxcywh [1, K, 6]", group="output")
    noconcat_box_obj_quality_cls: bool = knob(
        False, "separate raw outputs, with --no-merge-postprocess", group="output"
    )
    all_branches: bool = knob(
        False,
        "every branch among separate raw outputs, also those that no score needs",
        group="output",
        original=True,
    )
    merge_primitive_postprocess: bool = knob(False, "decoded maps cx, cy, bw, bh, score, ...", group="output")
    nms: bool = knob(False, "drop duplicate boxes in the graph", group="output")
    nms_iou: float | None = knob(
        None, "IoU at which --nms drops a box (default: the checkpoint's)", group="output", minimum=0, maximum=1
    )
    dynamic_resize: bool = knob(False, "frames of any size in, reduced in the graph", group="input")
    dynamic: bool = knob(False, "height and width of the network are free", group="input")
    batch: int = knob(1, "images per run, or dynamic", parse=parse_batch, minimum=0, group="input")
    uint8_input: bool = knob(False, "bytes in, normalised in the graph", group="input")
    simplify: bool = knob(True, "simplify the graph")
    decompose_bn: bool = knob(True, "", ineffective="batch-norm is always folded")
    ema: bool = knob(True, "averaged weights where the checkpoint has them")
    non_strict: bool = knob(False, "leave out tensors that the model has no place for")
    licence: str = knob("", "licence of the weights, written into the file")
    model_version: str = knob("", "version of the weights, written into the file (default: their digest)")
    measured_on: str = knob("", "split that the checkpoint's AP was measured on (default: what it says, else val)")
    verify: bool = knob(False, "print the largest difference to torch (more than 0.001 is always an error)")


def main(argv: Sequence[str], program: str = "uhd export", default_preset: str = "uhd") -> int:
    """Export; returns the exit code."""
    other = _other_format(argv)
    if other is not None:
        module, rest = other
        code: int = import_module(module).main(rest)
        return code

    from uhd.cli.overrides import changes_of, override_config
    from uhd.compress.int8.config import Int8Config

    overrides = override_config(frozenset(field.name for field in dataclasses.fields(ExportConfig)))
    kinds: tuple[type[Any], ...] = (ExportConfig, Int8Config, overrides)
    flags = Flags(program, "Write a checkpoint as ONNX.", kinds, default_preset)
    flags.add_positional("source", nargs="?", type=Path, help="checkpoint (.pt or .safetensors)")
    resolved = flags.resolve(argv)
    config, int8 = resolved[ExportConfig], resolved[Int8Config]
    source = resolved.positional.get("source") or config.checkpoint or config.weights
    if source is None:
        raise UserError("which checkpoint? give --checkpoint FILE")
    shrink = config.format == "onnx-int8" or int8.int8
    if shrink and int8.calibration is None:
        raise UserError("which images to calibrate on? give --calibration DIR")
    output = claim(config.output or source.with_suffix(".int8.onnx" if shrink else ".onnx"), (".onnx",), [source])
    if output.suffix.lower() != ".onnx":
        raise UserError(f"{output}: the file's name must end in .onnx, by which it is known again")
    form = form_of(config)

    from uhd.export.onnx.export import export_onnx
    from uhd.models.weights import architecture_of, load_model, read_weights

    # Flags of an architecture can only be judged once it is known.
    arch, _ = architecture_of(*read_weights(source, config.ema), source)
    if config.arch is not None and config.arch != arch:
        raise UserError(f"{source}: is of {arch}, not {config.arch}; leave out --arch")
    changes = changes_of(resolved[overrides], arch)
    network, meta = load_model(source, config.ema, changes, not config.non_strict)
    spec = _spec(network, meta, config, "img_size" in resolved.typed)
    graph = export_onnx(network, output, spec, form, config.opset, config.simplify)
    if config.verify:
        from uhd.compress.fake_quantise import strip
        from uhd.export.onnx.verify import largest_difference

        print(f"largest difference to torch: {largest_difference(graph, strip(network.cpu()), form):.2e}")
    if shrink:
        from uhd.compress.int8.quantise import write_int8

        for line in write_int8(graph, output, int8):
            print(line)
    print(f"wrote {output} ({output.stat().st_size / 1e6:.2f} MB)")
    return 0


def form_of(config: ExportConfig) -> ExportForm:
    """Return the form that the switches ask for.

    Raises:
        UserError: switches that exclude each other.
    """
    from uhd.export.onnx.form import ExportForm

    if config.noconcat_box_obj_quality_cls and (config.merge_postprocess or config.merge_primitive_postprocess):
        raise UserError("--noconcat-box-obj-quality-cls goes with --no-merge-postprocess, and without a merged output")
    if config.nms and (config.merge_primitive_postprocess or not config.merge_postprocess):
        raise UserError("--nms needs the merged output: leave out --no-merge-postprocess and the primitive outputs")
    name = "merged" if config.merge_postprocess else "raw"
    if config.merge_primitive_postprocess:
        name = "primitive"
    elif config.nms:
        name = "nms"
    elif config.noconcat_box_obj_quality_cls:
        name = "parts"
    return ExportForm(
        name, config.topk, config.conf_thresh, config.nms_iou if config.nms else None, config.batch or None,
        config.dynamic_resize, config.dynamic, config.uint8_input, config.all_branches and name == "parts",
    )  # fmt: skip


def _spec(network: DetectorNetwork, meta: dict[str, Any], config: ExportConfig, size_typed: bool) -> ModelCard:
    from uhd.models.predictor import spec_of
    from uhd.models.weights import digest

    card = spec_of(meta)
    split = config.measured_on or card.measured.split or "val"
    card = dataclasses.replace(
        card,
        licence=config.licence or card.licence,
        version=config.model_version or card.version or digest(network.state_dict()),
        measured=dataclasses.replace(card.measured, split=split),
    )
    asked = config.img_size if size_typed or not meta.get("img_size") else None
    return card.with_input(asked)


def _other_format(argv: Sequence[str]) -> tuple[str, list[str]] | None:
    """Return the module that writes the format asked for, and the arguments without ``--format``."""
    for i, word in enumerate(argv):
        if word == "--":
            break
        name, equals, value = word.partition("=")
        if name != "--format":
            continue
        end = i + 1 if equals else i + 2
        value = value if equals else "".join(argv[i + 1 : i + 2])
        known = ("onnx", "onnx-int8", *OTHER_FORMATS)
        if value not in known:
            raise UserError(f"--format {value}: not one of {', '.join(known)}{nearest(value, known)}")
        if value in OTHER_FORMATS:
            return OTHER_FORMATS[value], [*argv[:i], *argv[end:]]
    return None

"""The original's ``export_cpp.py``: ``uhd export --format c`` under its flags."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from uhd.cli import guarded
from uhd.cli.export import export
from uhd.cli.flags import Flags, Resolved
from uhd.config import knob, same_knob
from uhd.config.groups import NetworkSize
from uhd.errors import UserError
from uhd.export.c.config import CConfig
from uhd.export.config import ExportConfig
from uhd.export.targets import target_of


@dataclass(frozen=True)
class CppConfig:
    """Flags of ``export_cpp.py``, which wrote tensors as C++ data without code that runs them."""

    ckpt: Path | None = knob(None, "checkpoint")
    output_dir: Path = knob(Path(), "folder to write to")
    prefix: str | None = knob(None, "name of the files and prefix of the functions (default: the checkpoint's name)")
    img_size: tuple[int, int] | None = same_knob(NetworkSize, "img_size", None)
    use_ema: bool = knob(True, "averaged weights where the checkpoint has them")
    with_float: bool = knob(False, "write float32 although there are calibration images")
    calib_image_dir: Path | None = knob(None, "images to calibrate on; with them int8 is written")
    calib_list: Path | None = knob(None, "text file that names the images instead")
    calib_num: int = knob(128, "images that show the range of every map", minimum=2)
    calib_batch_size: int = knob(16, "", ineffective="images are looked at one by one", minimum=1)
    non_strict: bool = knob(False, "", ineffective="a checkpoint that does not fit is an error")
    fold_bn: bool = knob(True, "", ineffective="batch-norm is always folded")
    quant_bias: bool = knob(True, "", ineffective="biases of int8 layers have 32 bits")
    bias_bits: int = knob(16, "", ineffective="biases of int8 layers have 32 bits")
    quant_only: bool = knob(False, "", ineffective="int8 files hold no float weights")
    bin_output: bool = knob(False, "", ineffective="weights are part of the source")
    bin_path: Path | None = knob(None, "", ineffective="weights are part of the source")
    pack_lowbit: bool = knob(True, "", ineffective="weights have eight bits")
    export_act_scale: bool = knob(False, "", ineffective="int8 files hold the scales of their maps")


def original(argv: Sequence[str] | None = None) -> int:
    """Run with the original's flags."""
    arguments = sys.argv[1:] if argv is None else argv
    return guarded(lambda: _original(arguments))


def _original(argv: Sequence[str]) -> int:
    flags = Flags("export_cpp.py", "Write a checkpoint as a C99 header and source.", (CppConfig,), "original")
    config = flags.resolve(argv)[CppConfig]
    if config.ckpt is None:
        raise UserError("which checkpoint? give --ckpt FILE")
    int8 = not config.with_float and (config.calib_image_dir or config.calib_list) is not None
    if not int8 and not config.with_float:
        print("writing float32: int8 needs --calib-image-dir DIR")
    path = config.output_dir / f"{config.prefix or config.ckpt.stem}.c"
    source = ExportConfig(checkpoint=config.ckpt, output=path, img_size=config.img_size, ema=config.use_ema)
    numbers = CConfig(
        int8=int8, calibration=config.calib_image_dir, calib_list=config.calib_list, calibration_images=config.calib_num
    )
    settings = {ExportConfig: source, CConfig: numbers}
    return export(target_of("c"), Resolved(settings, frozenset({"img_size"}), {}, "original"))

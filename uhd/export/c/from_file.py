"""From a file that a user names to C, with the calibration that int8 needs."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from uhd.compress.calibration import calibration_images
from uhd.data.discover import discover
from uhd.data.problems import Report
from uhd.errors import UserError
from uhd.export.c import Files, export_c, export_c_int8
from uhd.export.c.config import CConfig

if TYPE_CHECKING:
    from uhd.export.c.open_model import Opened


def export_file(source: Path, path: Path, config: CConfig, paths: list[Path] | None = None) -> tuple[Files, list[str]]:
    """Write a model file as C.

    Args:
        source: checkpoint, or ONNX file with separate outputs.
        path: the ``.c`` file.
        config: see there.
        paths: images to calibrate on, instead of those of ``config.calibration``.

    Returns:
        The texts, and what to tell the user.

    Raises:
        UserError: a model that cannot be written as C, no image to calibrate on, or the files cannot be written.
    """
    if config.int8 and config.calibration is None and paths is None:
        raise UserError("which images to calibrate on? give --calibration DIR")
    opened = _opened(source, config)
    lines: list[str] = []
    if not config.int8:
        files = export_c(opened, path)
    else:
        report = Report()
        if paths is None:
            assert config.calibration is not None
            paths = discover(config.calibration, None, None, report).train
        if not paths:
            raise UserError(f"{config.calibration}: holds no image to calibrate on")
        spec = opened.spec
        images = calibration_images(paths, config.calibration_images, spec.input_size, spec.resize_mode, report)
        files = export_c_int8(opened, path, images, config.share)
        lines += [*report.lines(), f"calibrated on {len(images)} images ({config.calibration_method})"]
    lines.append(f"{files.weight_bytes} bytes of weights (constant), {files.arena_bytes} bytes of work memory (static)")
    for written in (path, path.with_suffix(".h")):
        lines.append(f"wrote {written} ({written.stat().st_size / 1e3:.0f} kB)")
    return files, lines


def _opened(source: Path, config: CConfig) -> Opened:
    from uhd.export.c.open_model import open_network, open_onnx

    if source.suffix.lower() == ".onnx":
        opened = open_onnx(source)
        if config.img_size not in (None, opened.spec.input_size):
            raise UserError(f"{source}: was built for another size; leave out --img-size, or give the checkpoint")
        if config.licence:
            opened = dataclasses.replace(opened, spec=dataclasses.replace(opened.spec, licence=config.licence))
        return opened

    from uhd.models.predictor import spec_of
    from uhd.models.weights import load_model

    network, meta = load_model(source, config.ema)
    spec = spec_of(meta)
    if config.img_size is not None:
        spec = dataclasses.replace(spec, input_size=config.img_size)
    if config.licence:
        spec = dataclasses.replace(spec, licence=config.licence)
    return open_network(network, spec)

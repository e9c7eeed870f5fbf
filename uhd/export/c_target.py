"""C99 source as a target of ``uhd export``: what the compiler in ``uhd/export/c`` is given, and its calibration."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from uhd.errors import UserError
from uhd.export.c.config import CConfig
from uhd.export.target import CHECKPOINTS, Say, Target, Written

if TYPE_CHECKING:
    from uhd.card import ModelCard
    from uhd.export.c.emit import Files
    from uhd.export.c.open_model import Opened as Layers
    from uhd.export.open_model import Opened
    from uhd.models.network import DetectorNetwork


class CTarget(Target):
    """A header and a source of C99, or a package with them."""

    about: ClassVar[str] = "Write a checkpoint as a C99 header and source."
    suffix: ClassVar[str] = ".c"
    config: ClassVar[type[Any]] = CConfig
    reads: ClassVar[tuple[str, ...]] = (*CHECKPOINTS, ".onnx")
    greedy_only: ClassVar[bool] = True

    def suffix_of(self, config: CConfig) -> str:
        """Return the suffix of the source; a package is a folder."""
        return "" if config.package else self.suffix

    def check(self, config: CConfig, path: Path) -> None:
        """Refuse to replace C that a person wrote; see :meth:`Target.check`."""
        if config.int8 and config.calibration is None and config.calib_list is None:
            raise UserError("which images to calibrate on? give --calibration DIR")

        from uhd.export.c.emit import HEADER_MARK, METADATA

        _prefix(config, path)
        if config.package:
            from uhd.export.c.package import check_folder

            check_folder(path)
            return
        for file, mark in ((path, METADATA), (path.with_suffix(".h"), HEADER_MARK)):
            # Hand-written C ends in .c too.
            if file.exists() and mark not in file.read_text(encoding="utf-8", errors="replace")[:400]:
                raise UserError(f"{file}: exists and was not written by this command; name another file to write")

    def write(self, opened: Opened, path: Path, config: CConfig, say: Say) -> Written:
        """Write both files, or the package with them; see :meth:`Target.write`."""
        prefix, layers = _prefix(config, path), layers_of(opened)
        write = _int8_writer(layers, config, prefix, say) if config.int8 else _float_writer(layers, prefix)
        if config.package:
            from uhd.export.c.package import write_package

            numbers = "int8" if config.int8 else "float32"
            files, written = write_package(config.package, path, prefix, layers.spec, numbers, write)
        else:
            files, written = write(path), (path, path.with_suffix(".h"))
        say(f"{files.weight_bytes} bytes of weights (constant), {files.arena_bytes} bytes of work memory (static)")
        return Written(written)


def _prefix(config: CConfig, path: Path) -> str:
    from uhd.export.c.emit import identifier

    if not config.prefix:
        return identifier(path.name if config.package else path.stem)
    if identifier(config.prefix) != config.prefix:
        raise UserError(f"--prefix {config.prefix}: not a name of C; try {identifier(config.prefix)}")
    return config.prefix


def _float_writer(layers: Layers, prefix: str) -> Callable[[Path], Files]:
    from uhd.export.c import export_c

    return lambda path: export_c(layers, path, prefix)


def _int8_writer(layers: Layers, config: CConfig, prefix: str, say: Say) -> Callable[[Path], Files]:
    """Read the photographs; what is returned looks at them and writes."""
    from uhd.compress.calibration import calibration_images
    from uhd.data.problems import Report
    from uhd.export.c import export_c_int8

    report, card = Report(), layers.spec
    paths = _photographs(config, report)
    images = calibration_images(paths, config.calibration_images, card.input_size, card.resize_mode, report)
    for line in (*report.lines(), f"calibrated on {len(images)} images ({config.calibration_method})"):
        say(line)
    return lambda path: export_c_int8(layers, path, images, config.share, prefix)


def layers_of(opened: Opened) -> Layers:
    """Return a model as the layers that C is written from.

    Raises:
        UserError: a network or an operator that cannot be written as C.
    """
    from uhd.export.c.open_model import open_graph

    return open_graph(opened.separate_outputs("C"), str(opened.path))


def open_network(model: DetectorNetwork, card: ModelCard) -> Layers:
    """Return a torch network as layers; see :func:`layers_of`."""
    from uhd.export.c.open_model import open_graph
    from uhd.export.open_model import separate_outputs

    return open_graph(separate_outputs(model, card, "C"), model.arch)


def _photographs(config: CConfig, report: Any) -> list[Path]:
    from uhd.data.discover import discover, read_list

    if config.calib_list is not None:
        paths = read_list(config.calib_list, config.calibration or config.calib_list.parent, report)
    else:
        assert config.calibration is not None
        paths = discover(config.calibration, None, None, report).train
    if not paths:
        raise UserError(f"{config.calib_list or config.calibration}: holds no image to calibrate on")
    return paths

"""A detector as WebAssembly for the page in ``uhd/web``: the C export, compiled, and its weights as half floats."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from uhd.errors import UserError
from uhd.export.c import export_c
from uhd.export.web.compiler import compile_wasm
from uhd.export.web.glue import glue
from uhd.export.web.weights import half_floats, take_out
from uhd.files import save_atomic

if TYPE_CHECKING:
    from uhd.export.c.open_model import Opened

__all__ = ["WEIGHTS", "Exported", "export_web"]

WEIGHTS = "model.bin"
WASM = "model.wasm"
PAGE = Path(__file__).resolve().parents[2] / "web"


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        files: of the page, in order of name.
        largest_rounding: largest change of a weight by being written as a half float, relative to the largest weight
            of its layer.
    """

    files: tuple[Path, ...]
    largest_rounding: float


def export_web(opened: Opened, folder: Path) -> Exported:
    """Write a folder that any web server can serve: the page, ``model.wasm`` and ``model.bin``.

    Args:
        opened: from :mod:`uhd.export.c.open_model`; used up.
        folder: created; files of an earlier page in it are replaced.

    Raises:
        UserError: a network that cannot be written as C, no compiler, or the files cannot be written.
    """
    spec = opened.spec
    info = {
        "names": list(spec.class_names),
        "conf_thresh": spec.conf_thresh,
        "nms_iou": spec.nms_iou,
        "input_size": list(spec.input_size),
        "resize_mode": spec.resize_mode,
        "arch": spec.arch,
        "licence": spec.licence,
        "version": spec.version,
        "multiply_adds": opened.network.macs(),
    }
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        written = export_c(opened, place / "model.c")
        source, tables = take_out(written.source)
        data, rounding = half_floats(tables)
        (place / "model.c").write_text(source, encoding="utf-8")
        (place / "page.c").write_text(glue(spec, json.dumps(info), tables), encoding="utf-8")
        wasm = compile_wasm(place / "page.c")
    folder.mkdir(parents=True, exist_ok=True)
    if folder.resolve() != PAGE:
        _copy_page(folder)
    save_atomic(folder / WASM, lambda temporary: temporary.write_bytes(wasm))
    save_atomic(folder / WEIGHTS, lambda temporary: temporary.write_bytes(data))
    return Exported(tuple(sorted(file for file in folder.iterdir() if file.is_file())), rounding)


def _copy_page(folder: Path) -> None:
    files = [file for file in PAGE.iterdir() if file.is_file() and file.name not in (WASM, WEIGHTS)]
    if not files:
        raise UserError(f"{PAGE}: the page does not come with this installation")
    for file in files:
        shutil.copyfile(file, folder / file.name)

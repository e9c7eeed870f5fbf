"""Exported C on a Cortex-M7 and on a RISC-V, in QEMU: the boxes of the host, to the bit."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from tests.export.c.conftest import drawing, needs_compiler, spec_for
from tests.export.conftest import make_model
from uhd.export.c import export_c, export_c_int8
from uhd.export.c.predictor import CPredictor
from uhd.export.c_target import open_network
from uhd.resize import resize_image, to_network

FOLDER = Path(__file__).parents[2] / "integrations/microcontrollers"


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("emulate", FOLDER / "emulate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["emulate"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


emulate = load()


def needs(name: str) -> pytest.MarkDecorator:
    missing = emulate.BOARDS[name].missing()
    return pytest.mark.skipif(bool(missing), reason=missing)


BOARDS = [pytest.param(name, marks=needs(name)) for name in ("cortex-m7", "rv32imafc-user")]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    model = make_model(width=8)
    spec, folder = spec_for(model), tmp_path_factory.mktemp("exported")
    paths = {numbers: folder / numbers / "people.c" for numbers in ("float32", "int8")}
    export_c(open_network(model, spec), paths["float32"], "people")
    images = np.stack([resize_image(drawing((60, 50), seed), (32, 32), spec.resize_mode) for seed in range(4)])
    export_c_int8(open_network(model, spec), paths["int8"], to_network(images, spec.resize_mode), prefix="people")
    return paths


@needs_compiler
@pytest.mark.parametrize("numbers", ["float32", "int8"])
@pytest.mark.parametrize("name", BOARDS)
def test_boxes_are_those_of_the_host(name: str, numbers: str, exported: dict[str, Path], tmp_path: Path) -> None:
    source, board = exported[numbers], emulate.BOARDS[name]
    frame = emulate.to_rgb565(drawing((48, 64)))
    # As ISO C, so that neither compiler joins products with sums.
    expected = CPredictor(source, flags=("-std=c99", "-O1")).detect(emulate.from_rgb565(frame), 0.0, None, emulate.MOST)
    assert len(expected) > 3
    found = []
    # The instructions of ARMv7E-M, and portable C.
    for flags in [("-O1",), ("-O1", "-DUHD_PORTABLE")][: 2 if (name, numbers) == ("cortex-m7", "int8") else 1]:
        program, sizes = emulate.build(board, source, frame, tmp_path, flags)
        found.append(emulate.run(board, program))
        np.testing.assert_array_equal(found[-1].boxes[:, :4], expected.xyxy)
        np.testing.assert_array_equal(found[-1].boxes[:, 4], expected.scores)
        assert 100 < found[-1].stack < 4096
        assert sizes.ram == int(source.with_suffix(".h").read_text().split("people_ARENA_BYTES ")[1].split()[0])
    if len(found) == 2:
        assert found[0].instructions < 0.8 * found[1].instructions

"""The page's model: weights out of the C source and back, exactly as half floats; a page that can be served."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from tests.export.conftest import class_names, make_family
from uhd.card import ModelSpec
from uhd.cli import main
from uhd.errors import UserError
from uhd.export.c.source import table
from uhd.export.c_target import open_network
from uhd.export.web import compiler
from uhd.export.web.glue import glue
from uhd.export.web.weights import half_floats, take_out
from uhd.runtime.web import page_server

# The name uhd.export is a function, which hides the package.
web = import_module("uhd.export.web")


def test_long_tables_leave_the_source_and_short_ones_stay() -> None:
    rng = np.random.default_rng(0)
    values = [rng.normal(size=count).astype(np.float32) for count in (100, 8, 64)]
    source = "#include <string.h>\n" + "".join(table(f"t{i}", each) for i, each in enumerate(values)) + "end\n"
    body, taken = take_out(source)
    assert [len(each) for each in taken] == [100, 64]
    assert all((a == b).all() for a, b in zip(taken, (values[0], values[2]), strict=True))
    assert "#define t0 (weights + 0)\n" in body
    assert "#define t2 (weights + 112)\n" in body  # blocks of 16
    assert "static const float t1[8]" in body
    assert "static float weights[176];" in body


def test_half_floats_lie_where_the_source_looks() -> None:
    values = [np.linspace(-3, 3, 100, dtype=np.float32), np.full(64, 0.5, np.float32)]
    data, worst = half_floats(values)
    read = np.frombuffer(data, "<f2").astype(np.float32)
    assert len(read) == 176
    assert np.abs(read[:100] - values[0]).max() <= 3 * 2**-11
    assert (read[112:176] == 0.5).all()
    assert 0 < worst < 2**-11
    with pytest.raises(RuntimeError, match="too large"):
        half_floats([np.full(64, 1e6, np.float32)])


def test_text_of_the_model_survives_as_a_c_string() -> None:
    info = json.dumps({"names": ['a "b" \\ c', "Ä"]})
    line = next(line for line in glue(ModelSpec(), info, []).splitlines() if "info[] =" in line)
    assert json.loads(json.loads(line[line.index('"') : line.rindex('"') + 1])) == {"names": ['a "b" \\ c', "Ä"]}


@pytest.mark.parametrize("mode", ["opencv_inter_nearest", "torch_bilinear"])
def test_a_page_of_another_model(mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = make_family("centernet")
    sources = []
    monkeypatch.setattr(
        web, "compile_wasm", lambda path: sources.extend(p.read_text() for p in path.parent.glob("*.c")) or b"code"
    )
    opened = open_network(network, ModelSpec(input_size=(32, 64), resize_mode=mode, class_names=class_names(network)))
    done = web.export_web(opened, tmp_path / "page")
    assert {"index.html", "app.js", "model.wasm", "model.bin"} <= {file.name for file in done.files}
    assert (tmp_path / "page" / "model.bin").stat().st_size > 1000
    assert any("source_index" in text and "page_detect" in text for text in sources) == (mode == "opencv_inter_nearest")
    page_server(tmp_path / "page").server_close()


def test_without_a_compiler_one_line_says_how_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiler, "find_compiler", lambda: None)
    with pytest.raises(UserError, match="pip install ziglang"):
        compiler.compile_wasm(tmp_path / "page.c")


@pytest.mark.skipif(compiler.find_compiler() is None, reason="no zig or clang: pip install ziglang")
def test_a_small_model_compiles(tmp_path: Path) -> None:
    network = make_family("utod_classes")
    opened = open_network(network, ModelSpec(input_size=(32, 32), class_names=class_names(network)))
    web.export_web(opened, tmp_path / "page")
    code = (tmp_path / "page" / "model.wasm").read_bytes()
    assert code[:4] == b"\0asm"
    assert len(code) < 60_000
    assert b'{"names": ["class 0"' in code


def test_the_command_wants_a_model_and_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "--format", "web"]) == 2
    assert "--checkpoint" in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    assert main(["export", "--format", "web", "m.safetensors", "--output", str(tmp_path / "file")]) == 2
    assert "not a folder" in capsys.readouterr().err

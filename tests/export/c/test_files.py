"""What is written: strict C, safe under the sanitizers, exact at every resize mode, and read back."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.export.c.conftest import STRICT, drawing, in_c, needs_compiler, noise, spec_for, write_float
from tests.export.conftest import make_family, make_model
from uhd.cli import main
from uhd.errors import UserError
from uhd.export.c import export_c, export_c_int8
from uhd.export.c.open_model import open_onnx
from uhd.export.c.predictor import CPredictor, build, compiler
from uhd.export.c_target import open_network
from uhd.export.onnx.export import export_onnx
from uhd.load import load
from uhd.models.predictor import TorchPredictor
from uhd.models.weights import describe, save_weights
from uhd.resize import RESIZE_MODES, input_channels

ROOT = Path(__file__).parents[3]
SANITIZE = ("-std=c99", "-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")


@needs_compiler
@pytest.mark.parametrize("mode", RESIZE_MODES)
def test_every_resize_mode_from_image_to_boxes(mode: str, tmp_path: Path) -> None:
    model = make_model(in_channels=input_channels(mode))
    spec = spec_for(model, (32, 48), mode)
    ours, theirs = in_c(write_float(model, spec, tmp_path)), TorchPredictor(model, spec)
    for image in (noise((45, 101)), drawing((96, 64)), noise((32, 48)), noise((7, 5))):
        found, expected = ours.detect(image, 0.05), theirs.predict([image], 0.05)[0]
        assert len(found) == len(expected)
        np.testing.assert_allclose(found.scores, expected.scores, atol=1e-5)
        np.testing.assert_allclose(found.xyxy, expected.xyxy, atol=5e-3)


@needs_compiler
@pytest.mark.parametrize("numbers", ["float32", "int8"])
@pytest.mark.parametrize("name", ["utod", "utod_attributes", "centernet_classes"])
def test_sanitizers_find_nothing(name: str, numbers: str, tmp_path: Path) -> None:
    model = make_family(name)
    spec, path = spec_for(model), tmp_path / "people.c"
    if numbers == "int8":
        images = np.random.default_rng(0).random((4, 3, 32, 32), np.float32)
        export_c_int8(open_network(model, spec), path, images)
    else:
        export_c(open_network(model, spec), path)
    picture = tmp_path / "picture.ppm"
    cv2.imwrite(str(picture), drawing((37, 53)))
    (tmp_path / "main.c").write_text(
        (ROOT / "examples/c/detect.c").read_text(encoding="utf-8").replace("people_CONF_THRESH", "0.0f"),
        encoding="utf-8",
    )
    program = tmp_path / "detect"
    try:
        build(tmp_path / "main.c", program, [*SANITIZE, str(path)])
    except UserError as error:
        pytest.skip(f"this compiler has no sanitizers: {error}")
    done = subprocess.run([str(program), str(picture)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) > 1


@needs_compiler
def test_the_example_is_short_and_finds_what_python_finds(tmp_path: Path) -> None:
    source = ROOT / "examples/c/detect.c"
    assert len(source.read_text(encoding="utf-8").splitlines()) <= 30
    model = make_model()
    spec = spec_for(model)
    path = tmp_path / "people.c"
    export_c(open_network(model, spec), path)
    image = drawing((48, 64))
    cv2.imwrite(str(tmp_path / "picture.ppm"), image[:, :, ::-1])
    program = tmp_path / "detect"
    build(source, program, [*STRICT, f"-I{tmp_path}", str(path)])
    done = subprocess.run([str(program), str(tmp_path / "picture.ppm")], capture_output=True, text=True, check=True)
    expected = TorchPredictor(model, spec).predict([image])[0]
    lines = done.stdout.splitlines()
    assert len(lines) == min(len(expected), 50) > 0
    first = lines[0].split()
    assert first[0] == "class" or first[0] == "person"
    np.testing.assert_allclose([float(word) for word in first[-4:]], expected.xyxy[0], atol=0.06)
    assert subprocess.run([str(program)], capture_output=True, check=False).returncode == 2


@needs_compiler
def test_arguments_without_sense_are_refused_and_boxes_are_limited(tmp_path: Path) -> None:
    model = make_model()
    ours = in_c(write_float(model, spec_for(model), tmp_path))
    image = noise((40, 40))
    assert len(ours.detect(image, 0.0, 0.0, max_boxes=3)) == 3
    best = ours.detect(image, 0.0, 0.0)
    np.testing.assert_array_equal(ours.detect(image, 0.0, 0.0, max_boxes=3).scores, best.scores[:3])
    assert len(ours.detect(image, 1.0)) == 0
    for width, height, stride in ((0, 40, 120), (40, 0, 120), (40, 40, 119), (40, -1, 120)):
        assert ours._detect(image.ctypes.data, width, height, stride, image.ctypes.data, 1, 0.5, 0.5) == -1


@needs_compiler
def test_rows_may_be_padded(tmp_path: Path) -> None:
    model = make_model()
    ours = in_c(write_float(model, spec_for(model), tmp_path))
    wide = noise((40, 64))
    part = np.ascontiguousarray(wide[:, :50])
    rows = np.zeros(2000, np.dtype([("box", "<f4", 4), ("score", "<f4"), ("class_id", "<i4")]))
    count = ours._detect(wide.ctypes.data, 50, 40, 3 * 64, rows.ctypes.data, 2000, 0.01, 0.5)
    expected = ours.detect(part, 0.01, 0.5, 2000)
    assert count == len(expected)
    np.testing.assert_array_equal(rows["score"][:count], expected.scores)


@needs_compiler
@pytest.mark.parametrize("form", ["raw", "parts"])
@pytest.mark.parametrize("name", ["utod", "utod_obj", "anchor_cnn", "centernet"])
def test_onnx_files_with_separate_outputs_give_the_same_code(name: str, form: str, tmp_path: Path) -> None:
    model = make_family(name)
    spec = spec_for(model)
    export_onnx(model, tmp_path / "net.onnx", spec, form, verify=False)
    export_c(open_onnx(tmp_path / "net.onnx"), tmp_path / "net.c")
    batch = np.round(np.random.default_rng(0).random((2, 3, 32, 32), np.float32) * 255) / np.float32(255)
    ours, theirs = in_c(tmp_path / "net.c"), TorchPredictor(model, spec)
    for found, expected in zip(ours.infer(batch), theirs.infer(batch), strict=True):
        np.testing.assert_allclose(found[1], expected[1], atol=1e-5)
        np.testing.assert_allclose(found[0], expected[0], atol=1e-4)


def test_what_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    model = make_model()
    spec = spec_for(model)
    export_onnx(model, tmp_path / "merged.onnx", spec, verify=False)
    with pytest.raises(UserError, match=r"merged outputs.*--no-merge-postprocess"):
        open_onnx(tmp_path / "merged.onnx")
    with pytest.raises(UserError, match="transformer cannot be written as C"):
        open_network(make_family("transformer"), spec)
    (tmp_path / "bad.onnx").write_bytes(b"no")
    with pytest.raises(UserError, match="not an ONNX file"):
        open_onnx(tmp_path / "bad.onnx")
    with pytest.raises(UserError, match="begin it with a letter"):
        export_c(open_network(model, spec), tmp_path / "8bit.c")


def test_the_same_model_gives_the_same_text(tmp_path: Path) -> None:
    model = make_model()
    first, second = (export_c(open_network(model, spec_for(model)), tmp_path / "net.c") for _ in range(2))
    assert first == second
    assert f"#define net_ARENA_BYTES {first.arena_bytes}" in first.header
    assert "malloc" not in first.source


@needs_compiler
def test_command_writes_files_that_load_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = make_model()
    weights = tmp_path / "best_utod_0001_map_0.5.safetensors"
    save_weights(weights, model.state_dict(), describe(model, img_size="32x32"))
    assert main(["export", "--format", "c", str(weights)]) == 0
    assert "bytes of work memory (static)" in capsys.readouterr().out
    image = drawing((50, 60))
    written = weights.with_suffix(".c")
    compiled = load(written)  # a compiler takes seconds
    found, expected = compiled(image, 0.05), load(weights)(image, 0.05)
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-5)
    for i in range(3):
        cv2.imwrite(str(tmp_path / f"{i}.png"), drawing((50, 60), i))
    arguments = ["export", "--format=c", str(weights), "--int8", "--calibration", str(tmp_path)]
    assert main([*arguments, "--output", str(tmp_path / "net8.c")]) == 0
    assert "calibrated on 3 images" in capsys.readouterr().out
    assert in_c(tmp_path / "net8.c").count == compiled.predictor.count


def test_command_keeps_c_of_other_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = make_model()
    weights = tmp_path / "net.safetensors"
    save_weights(weights, model.state_dict(), describe(model, img_size="32x32"))
    mine = tmp_path / "net.c"
    mine.write_text("int main(void) { return 0; }\n")
    assert main(["export", "--format", "c", str(weights)]) == 2
    assert "was not written by this command" in capsys.readouterr().err
    assert mine.read_text() == "int main(void) { return 0; }\n"
    assert main(["export", "--format", "c", str(weights), "--int8", "--output", str(tmp_path / "a.c")]) == 2
    assert "--calibration DIR" in capsys.readouterr().err


def test_broken_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.c").write_text("int x;\n")
    with pytest.raises(UserError, match="is not C written by"):
        CPredictor(tmp_path / "a.c")
    path = write_float(make_model(), spec_for(make_model()), tmp_path)
    path.with_suffix(".h").unlink()
    with pytest.raises(UserError, match="belongs beside"):
        CPredictor(path)


@pytest.mark.slow
def test_original_script_writes_the_same_source(tmp_path: Path) -> None:
    model = make_model()
    weights = tmp_path / "net.safetensors"
    save_weights(weights, model.state_dict(), describe(model, img_size="32x32"))
    command = [sys.executable, str(ROOT / "export_cpp.py"), "--ckpt", str(weights), "--output-dir", str(tmp_path / "o")]
    done = subprocess.run([*command, "--prefix", "people"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "people_detect" in (tmp_path / "o/people.h").read_text()
    assert "static void run" in (tmp_path / "o/people.c").read_text()


@needs_compiler
def test_header_and_code_are_fit_for_cpp(tmp_path: Path) -> None:
    program = shutil.which("c++") or shutil.which("g++")
    if program is None or compiler() is None:
        pytest.skip("this machine has no C++ compiler")
    model = make_model()
    write_float(model, spec_for(model), tmp_path)
    source = tmp_path / "use.cpp"
    source.write_text('#include "net.h"\nint main() { net_box b; (void)b; return net_CLASSES - 1; }\n')
    command = [program, "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", "-x", "c++"]
    for file in (source, tmp_path / "net.c"):
        done = subprocess.run([*command, str(file)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

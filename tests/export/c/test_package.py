"""Packages for microcontrollers: their examples run, two live in one program, and nothing of anybody is replaced."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from tests.export.c.conftest import drawing, needs_compiler, noise, spec_for, write_float
from tests.export.conftest import make_model
from uhd.card import ModelSpec
from uhd.cli import main
from uhd.export.c.config import PACKAGES
from uhd.export.c.emit import Files
from uhd.export.c.package import KINDS, write_package
from uhd.export.c.predictor import CPredictor
from uhd.models.weights import describe, save_weights

QUICK = ("-std=c99", "-O0")
# What the frameworks bring, as far as the examples use it.
STUBS = {
    "esp_timer.h": "#include <stdint.h>\nstatic int64_t esp_timer_get_time(void) { return 0; }\n",
    "Arduino.h": "#include <cstdio>\n#include <cstdlib>\nstatic long micros() { return 0; }\n"
    "static void delay(int) { exit(0); }\n"
    "static struct { void begin(long) {} void print(const char *text) { fputs(text, stdout); } } Serial;\n",
}
EXAMPLES = {
    "esp-idf": "examples/frame/main/main.c",
    "arduino": "examples/frame/frame.ino",
    "platformio": "examples/frame/src/main.cpp",
}
MAINS = {"esp-idf": "int main(void) { app_main(); return 0; }", "": "int main() { setup(); for (;;) loop(); }"}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = make_model(width=8)
    path = tmp_path_factory.mktemp("model") / "net.safetensors"
    save_weights(path, model.state_dict(), describe(model, img_size="32x32"))
    return path


@pytest.fixture(scope="module")
def packages(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return one package of each kind, the last one in int8."""
    place = tmp_path_factory.mktemp("packages")
    for i in range(3):
        cv2.imwrite(str(place / f"{i}.png"), drawing((50, 60), i))
    asked = ["--prefix", "people", "--model-version", "2.3.4", "--licence", "MIT", "--output", str(place / "idf")]
    assert main(["export", str(weights), "--format", "c", "--package", "esp-idf", *asked]) == 0
    text = (place / "idf/src/people.h").read_text(), (place / "idf/src/people.c").read_text()

    def write(path: Path) -> Files:
        """Write the same under another name, without another export."""
        sizes = (int(re.findall(rf"people_{word}_BYTES (\d+)\n", text[0])[0]) for word in ("ARENA", "WEIGHT"))
        files = Files(*(each.replace("people", "by_day") for each in text), *sizes)
        path.parent.mkdir()
        path.with_suffix(".h").write_text(files.header)
        path.write_text(files.source)
        return files

    write_package("arduino", place / "by-day", "by_day", ModelSpec(), "float32", write)
    asked = ["--package", "platformio", str(place / "night"), "--int8", "--calibration", str(place)]
    assert main(["export", "--checkpoint", str(weights), "--format", "c", *asked]) == 0
    return {"esp-idf": place / "idf", "arduino": place / "by-day", "platformio": place / "night"}


PREFIXES = {"esp-idf": "people", "arduino": "by_day", "platformio": "night"}


def rgb565(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a picture as 16-bit pixels, and as R, G, B of what those still hold."""
    r, g, b = (image[..., i].astype(np.uint16) >> shift for i, shift in enumerate((3, 2, 3)))
    back = np.stack([r << 3 | r >> 2, g << 2 | g >> 4, b << 3 | b >> 2], -1).astype(np.uint8)
    return r << 11 | g << 5 | b, back


@needs_compiler
def test_rgb565_is_what_its_bytes_mean(tmp_path: Path) -> None:
    """Sampling single pixels is what the examples do."""
    model = make_model(width=8)
    ours = CPredictor(write_float(model, spec_for(model, (32, 48), "opencv_inter_linear"), tmp_path), flags=QUICK)
    for image in (noise((45, 102)), noise((32, 48))):
        pixels, back = rgb565(image)
        expected = ours.detect(back, 0.01)
        h, w = image.shape[:2]
        for first, order in ((1, ">u2"), (0, "<u2")):
            frame = np.ascontiguousarray(pixels.astype(order))
            rows = np.zeros(1000, np.dtype([("box", "<f4", 4), ("score", "<f4"), ("class_id", "<i4")]))
            detect = ours.library.net_detect_rgb565
            detect.argtypes = [*ours._detect.argtypes[:4], ours._detect.argtypes[1], *ours._detect.argtypes[4:]]
            arguments = (frame.ctypes.data, w, h, 2 * w, first, rows.ctypes.data, 1000, 0.01, ours.spec.nms_iou)
            count = detect(*arguments)
            assert count == len(expected) > 0
            np.testing.assert_array_equal(rows["box"][:count], expected.xyxy)
            np.testing.assert_array_equal(rows["score"][:count], expected.scores)
        assert detect(frame.ctypes.data, w, h, 2 * w - 1, *arguments[4:]) == -1


def test_every_kind_is_known() -> None:
    assert set(PACKAGES) == set(KINDS) == set(EXAMPLES)


@needs_compiler
@pytest.mark.parametrize("kind", PACKAGES)
def test_the_example_finds_what_python_finds(kind: str, packages: dict[str, Path], tmp_path: Path) -> None:
    compiler = shutil.which("cc") if kind == "esp-idf" else shutil.which("c++")
    if compiler is None:
        pytest.skip("this machine has no C++ compiler")
    folder, prefix = packages[kind], PREFIXES[kind]
    text = (folder / EXAMPLES[kind]).read_text(encoding="utf-8").replace(f"{prefix}_CONF_THRESH", "0.0f")
    for name, stub in STUBS.items():
        (tmp_path / name).write_text(stub, encoding="utf-8")
    source = tmp_path / ("main.c" if kind == "esp-idf" else "main.cpp")
    source.write_text(f"{text}\n{MAINS.get(kind, MAINS[''])}\n", encoding="utf-8")
    ours = CPredictor(folder / f"src/{prefix}.c", flags=QUICK)
    program = tmp_path / "example"
    flags = ["-Wall", "-Wextra", "-Werror", f"-I{folder}/src", f"-I{tmp_path}"]
    subprocess.run([compiler, *flags, str(source), ours.library._name, "-o", str(program)], check=True)
    lines = subprocess.run([str(program)], capture_output=True, text=True, check=True).stdout.splitlines()
    x, y = np.meshgrid(np.arange(160), np.arange(120))
    high, low = (x + y) & 255, (3 * x) & 255
    _, frame = rgb565(np.stack([high, (high & 7) << 5 | low >> 3, (low & 31) << 3], -1).astype(np.uint8))
    assert lines[0].startswith("10 found in 0 ms")
    assert len(lines) == 11
    for line, box in zip(lines[1:], ours.detect(frame, 0.0).xyxy, strict=False):
        np.testing.assert_allclose([float(word) for word in line.split()[-4:]], np.trunc(box))


def test_manifests_say_what_is_in_the_package(packages: dict[str, Path]) -> None:
    manifest = yaml.safe_load((packages["esp-idf"] / "idf_component.yml").read_text())
    assert (manifest["version"], manifest["license"]) == ("2.3.4", "MIT")
    assert 'SRCS "src/people.c"' in (packages["esp-idf"] / "CMakeLists.txt").read_text()
    table = json.loads((packages["platformio"] / "library.json").read_text())
    assert (table["name"], table["version"], table["headers"]) == ("night", "1.0.0", "night.h")
    lines = (packages["arduino"] / "library.properties").read_text().splitlines()
    properties = dict(line.split("=", 1) for line in lines)
    assert (properties["name"], properties["version"], properties["includes"]) == ("by_day", "1.0.0", "by_day.h")
    for kind, folder in packages.items():
        header = (folder / f"src/{PREFIXES[kind]}.h").read_text()
        arena = re.search(r"_ARENA_BYTES (\d+)\n", header)
        assert arena is not None
        readme = (folder / "README.md").read_text()
        assert f"{int(arena.group(1)):,}" in readme
        assert ("int8" if kind == "platformio" else "float32") in readme
        for path in folder.rglob("*"):
            assert not path.is_file() or path.suffix in (".c", ".h") or "@" not in path.read_text()


@needs_compiler
def test_two_models_live_in_one_program(packages: dict[str, Path], tmp_path: Path) -> None:
    nm = shutil.which("nm")
    if nm is None:
        pytest.skip("this machine has no nm")
    for kind, prefix in (("arduino", "by_day"), ("platformio", "night")):
        source = packages[kind] / "src" / f"{prefix}.c"
        subprocess.run(["cc", "-O0", "-c", str(source), "-o", str(tmp_path / f"{prefix}.o")], check=True)
        done = subprocess.run([nm, "-g", "--defined-only", f"{tmp_path / prefix}.o"], capture_output=True, check=True)
        names = {line.split()[-1] for line in done.stdout.decode().splitlines()}
        assert all(name.lstrip("_").startswith(f"{prefix}_") for name in names)
        assert len(names) == 4
    (tmp_path / "both.c").write_text(
        '#include "by_day.h"\n#include "night.h"\nint main(void)\n{\n    static const uint8_t frame[64];\n'
        "    by_day_box a;\n    night_box b;\n    return by_day_detect_rgb565(frame, 4, 4, 8, 1, &a, 1, 0, 0) != 1\n"
        "        || night_detect(frame, 4, 4, 12, &b, 1, 0, 0) != 1;\n}\n"
    )
    includes = [f"-I{packages[kind]}/src" for kind in ("arduino", "platformio")]
    objects = [str(tmp_path / f"{name}.o") for name in ("by_day", "night")]
    subprocess.run(["cc", *includes, str(tmp_path / "both.c"), *objects, "-o", str(tmp_path / "both")], check=True)
    assert subprocess.run([str(tmp_path / "both")], check=False).returncode == 0


def test_nothing_is_replaced_and_mistakes_are_one_line(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sketch = tmp_path / "people/sketch.ino"
    sketch.parent.mkdir()
    sketch.write_text("mine")
    command = ["export", str(weights), "--format", "c"]
    for arguments, message in (
        (["--package", "arduino", str(sketch.parent)], "is not empty"),
        (["--package", "arduino", str(sketch)], "is a file"),
        (["--package", "ardiuno", str(tmp_path / "b")], "did you mean 'arduino'"),
        (["--package", "arduino", str(tmp_path / "8bit")], "begin it with a letter"),
        (["--prefix", "a-b", str(tmp_path / "a.c")], "try a_b"),
    ):
        assert main([*command, *arguments]) == 2
        said = capsys.readouterr().err
        assert message in said
        assert said.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == [sketch.parent, sketch]

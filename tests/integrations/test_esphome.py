"""The ESPHome component: its logic alone, and in a program of ESPHome that runs here around a camera that is a file."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.export.c.conftest import drawing, needs_compiler, spec_for
from tests.export.conftest import make_model
from uhd.detections import Detections
from uhd.export.c import export_c
from uhd.export.c.predictor import CPredictor
from uhd.export.c_target import open_network

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "integrations/esphome"
TESTS = Path(__file__).parent / "esphome"
ESPHOME = os.environ.get("ESPHOME", "esphome")
THRESHOLD = 0.2
needs_gxx = pytest.mark.skipif(shutil.which("g++") is None, reason="no C++ compiler: apt-get install g++")
needs_esphome = pytest.mark.skipif(
    shutil.which(ESPHOME) is None,
    reason="no esphome: pip install esphome, in a venv that ESPHOME=VENV/bin/esphome names",
)
# Headers of ESP-IDF that ESPHome's own headers include.
ESP_IDF = (
    "driver/gpio", "esp_attr", "esp_cpu", "esp_err", "esp_heap_caps", "esp_log", "esp_task_wdt", "freertos/FreeRTOS",
    "freertos/semphr", "freertos/task", "jpeg_decoder", "sdkconfig",
)  # fmt: skip


def rgb565(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return (H, W, 2) bytes of an RGB image (H, W, 3), the one with red first."""
    red, green, blue = np.moveaxis(image.astype(np.uint16), 2, 0)
    return ((red >> 3) << 11 | (green >> 2) << 5 | blue >> 3).astype(">u2").view(np.uint8).reshape(*image.shape[:2], 2)


def unpacked(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the RGB image (H, W, 3) that the C sees in bytes (H, W, 2): high bits are the low ones, too."""
    words = frame.copy().view(">u2")[..., 0].astype(np.uint16)
    red, green, blue = words >> 11, words >> 5 & 63, words & 31
    return np.stack([red << 3 | red >> 2, green << 2 | green >> 4, blue << 3 | blue >> 2], 2).astype(np.uint8)


def as_text(found: Detections) -> list[list[int]]:
    return [
        [round(float(value)) for value in (*box, 100 * score)]
        for box, score in zip(found.xyxy, found.scores, strict=True)
    ]


@needs_compiler
@needs_gxx
def test_a_frame_becomes_boxes_and_text(tmp_path: Path) -> None:
    model = make_model(width=8)
    source = tmp_path / "uhd_model/people.c"
    source.parent.mkdir()
    export_c(open_network(model, spec_for(model)), source, "someone")
    frame = rgb565(drawing((48, 64)))
    frame.tofile(tmp_path / "frame")
    defines = tmp_path / "esphome/core/defines.h"
    defines.parent.mkdir(parents=True)
    defines.write_text('#define UHD_MODEL_HEADER "uhd_model/people.h"\n#define UHD_MODEL_PREFIX someone\n')
    logic = FOLDER / "components/uhd"
    compiled = CPredictor(source, flags=("-std=c99", "-O0"))
    library, program = Path(compiled.folder.name) / "model.so", tmp_path / "people_test"
    command = ["g++", "-std=gnu++20", "-Wall", "-Wextra", "-Werror", f"-I{tmp_path}", f"-I{logic}"]
    command += [str(logic / "people.cpp"), str(TESTS / "people_test.cpp"), str(library), "-o", str(program)]
    subprocess.run(command, check=True)
    done = subprocess.run([program, tmp_path / "frame", "64", "48", "0"], check=True, capture_output=True, text=True)
    boxes, halvings, many = done.stdout.splitlines()
    expected = as_text(compiled.detect(unpacked(frame), 0.0, None, 20))
    told = json.loads(boxes)
    assert len(told) > 3
    assert np.abs(np.array(told) - expected[: len(told)]).max() <= 1
    assert halvings == "0 1 2 3"
    assert len(many) <= 255 < len(many) + len(",[1000,1000,2000,2000,50]")
    assert json.loads(many) == [[1000, 1000, 2000, 2000, 50]] * len(json.loads(many))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small model for chips as C, with its header."""
    path = tmp_path_factory.mktemp("exported") / "people.c"
    weights = ROOT / "uhd/weights/ultratinyod_w16_nano.safetensors"
    command = [sys.executable, "-m", "uhd", "export", "--format", "c", str(weights), "--output", str(path)]
    subprocess.run(command, check=True, capture_output=True)
    return path


def esphome(*arguments: str | Path, folder: Path) -> str:
    """Run ESPHome in a folder; returns what it says."""
    done = subprocess.run(
        [ESPHOME, *arguments], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def flags_of(build: Path) -> list[str]:
    """Return the compiler's flags in a generated platformio.ini, without what the linker takes."""
    text = (build / "platformio.ini").read_text()
    lines = re.findall(r"^    (-\S.*)$", text.rsplit("\nbuild_flags =", 1)[1].split("\nbuild_unflags")[0], re.M)
    return [line for line in lines if not line.startswith("-Wl")]


@pytest.mark.slow
@needs_gxx
@needs_esphome
def test_the_example_is_generated_and_compiles_against_the_headers_of_esphome(model: Path, tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path / "hall")
    for each in (model, model.with_suffix(".h")):
        shutil.copy(each, tmp_path / "hall" / each.name)
    assert "Configuration is valid" in esphome("config", "hall.yaml", folder=tmp_path / "hall")
    esphome("compile", "--only-generate", "hall.yaml", folder=tmp_path / "hall")
    build = tmp_path / "hall/.esphome/build/hall"
    assert (build / "src/uhd_model/people.c").read_bytes() == model.read_bytes()
    assert "set_frame(320, 240, true)" in (build / "src/main.cpp").read_text()
    assert "espressif/esp_jpeg" in (build / "src/idf_component.yml").read_text()
    for name in ESP_IDF:
        stand_in = tmp_path / f"stand_ins/{name}.h"
        stand_in.parent.mkdir(parents=True, exist_ok=True)
        stand_in.write_text('#include "esp_idf.h"\n')
    command = ["g++", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter", *flags_of(build)]
    command += [f"-I{folder}" for folder in (build / "src", tmp_path / "stand_ins", TESTS)]
    for source in sorted((build / "src/esphome/components/uhd").glob("*.cpp")):
        subprocess.run([*command, str(source)], check=True)


@pytest.mark.slow
@needs_esphome
@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("model: people.c", "model: nobody.c", "Could not find file"),
        ("model: people.c", "model: other.c", "uhd export --format c"),
        ("pixel_format: JPEG", "pixel_format: GRAYSCALE", "must be JPEG or RGB565"),
    ],
)
def test_what_cannot_be_is_said_by_esphome_config(
    before: str, after: str, said: str, model: Path, tmp_path: Path
) -> None:
    text = (FOLDER / "hall.yaml").read_text()
    assert before in text
    (tmp_path / "hall.yaml").write_text(
        text.replace(before, after).replace("path: components", f"path: {FOLDER / 'components'}")
    )
    for each in (model, model.with_suffix(".h")):
        shutil.copy(each, tmp_path / each.name)
    (tmp_path / "other.c").write_text("int main(void) { return 0; }\n")
    done = subprocess.run([ESPHOME, "config", "hall.yaml"], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    assert done.returncode != 0
    assert said in done.stdout


@pytest.fixture(scope="module")
def room(model: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """ESPHome's program for a computer, compiled, and the frame that its camera gives."""
    folder = tmp_path_factory.mktemp("room")
    image = cv2.cvtColor(cv2.imread(str(ROOT / "examples/astronaut.jpg")), cv2.COLOR_BGR2RGB)
    rgb565(cv2.resize(image, (160, 120), interpolation=cv2.INTER_AREA)).tofile(folder / "frame")
    text = (TESTS / "room.yaml").read_text()
    places = {"$frame": folder / "frame", "$model": model, "$tests": TESTS, "$components": FOLDER / "components"}
    for name, place in places.items():
        text = text.replace(name, str(place))
    (folder / "room.yaml").write_text(text)
    esphome("compile", "--only-generate", "room.yaml", folder=folder)
    build = folder / ".esphome/build/room"
    sources = [path for suffix in ("cpp", "c") for path in sorted((build / "src").rglob(f"*.{suffix}"))]

    def compile_one(source: Path) -> Path:
        result = build / f"{source.relative_to(build / 'src')}.o".replace("/", "_")
        compiler = ["g++", *flags_of(build)] if source.suffix == ".cpp" else ["cc", "-std=c99", "-O1"]
        subprocess.run([*compiler, "-w", f"-I{build / 'src'}", "-c", source, "-o", result], check=True)
        return result

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(compile_one, sources))
    program = build / "program"
    subprocess.run(["g++", *objects, "-o", program, "-lpthread"], check=True)
    return program, folder / "frame"


def lines_of(program: subprocess.Popen[str]) -> Iterator[str]:
    assert program.stdout is not None
    for line in program.stdout:
        yield re.sub(r"\x1b\[[0-9;]*m", "", line).split("]: ")[-1].strip()


@pytest.mark.slow
@needs_gxx
@needs_esphome
def test_in_a_program_of_esphome_the_sensors_tell_who_is_there(room: tuple[Path, Path], model: Path) -> None:
    path, frame = room
    bytes_ = frame.read_bytes()
    image = unpacked(np.frombuffer(bytes_, np.uint8).reshape(120, 160, 2))
    expected = as_text(CPredictor(model, flags=("-std=c99", "-O1")).detect(image, THRESHOLD))
    assert expected
    with subprocess.Popen(["timeout", "60", "stdbuf", "-oL", path], stdout=subprocess.PIPE, text=True) as program:
        try:
            lines = lines_of(program)
            assert next(line for line in lines if line.startswith("count")) == f"count {len(expected)}"
            assert next(line for line in lines if line.startswith("occupied")) == "occupied 1"
            told = next(line for line in lines if line.startswith("boxes"))
            told_boxes = json.loads(told.removeprefix("boxes "))
            assert np.abs(np.array(told_boxes) - expected[: len(told_boxes)]).max() <= 1
            frame.write_bytes(bytes(len(bytes_)))
            assert next(line for line in lines if line == "count 0")
            assert next(line for line in lines if line.startswith("occupied")) == "occupied 0"
            frame.write_bytes(bytes_[:-1])
            assert next(line for line in lines if "not what esp32_camera was set to" in line)
            frame.write_bytes(bytes_)
            assert next(line for line in lines if line.startswith("count")) == f"count {len(expected)}"
        finally:
            program.terminate()
            frame.write_bytes(bytes_)

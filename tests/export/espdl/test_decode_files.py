"""What the files say of their integers is what the simulator computes with."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.export.conftest import make_family
from uhd.card import ModelCard
from uhd.export.espdl.config import EspdlConfig
from uhd.export.espdl.decode_files import write_decode_files
from uhd.export.espdl.export import Exported, export_espdl
from uhd.export.espdl.record import load_simulation, simulator_path
from uhd.export.espdl.simulation import Simulation
from uhd.export.espdl.simulator import EspdlPredictor
from uhd.export.espdl.source import open_source
from uhd.export.espdl.tensors import ChipTensor, channel_order
from uhd.heads import HeadLayout
from uhd.models.weights import describe, save_weights
from uhd.resize import resize_image

pytestmark = pytest.mark.usefixtures("esp_ppq")
BYTES = np.random.default_rng(5).permutation(np.resize(np.arange(256, dtype=np.uint8), 3 * 32 * 32))
PIXELS = BYTES.reshape(1, 3, 32, 32).astype(np.float32) / 255


@pytest.fixture(scope="module")
def said(exported: Exported) -> dict[str, Any]:
    table: dict[str, Any] = json.loads(file_of(exported, "_decode.json").read_text())
    return table


@pytest.fixture(scope="module")
def simulation(exported: Exported) -> Simulation:
    return Simulation(load_simulation(simulator_path(exported.files[0]))[0])


def sigmoid(x: float) -> float:
    return float(1 / (1 + np.exp(-x)))


def file_of(exported: Exported, end: str) -> Path:
    return next(file for file in exported.files if file.name.endswith(end))


def test_a_byte_becomes_the_integer_of_the_rule(said: dict[str, Any], simulation: Simulation) -> None:
    (source,) = said["input"].values()
    exponent = source["exponent"]
    assert source["from_byte"] == f"clamp(round(p * 2^{-exponent} / 255), -128, 127)"
    assert (source["type"], source["layout"], source["shape"]) == ("int8", "NHWC", [1, 32, 32, 3])
    integers = np.array([max(-128, min(127, round(int(p) * 2**-exponent / 255))) for p in range(256)])
    fed = (integers[BYTES] * 2.0**exponent).astype(np.float32).reshape(PIXELS.shape)
    expected = simulation.run(PIXELS)
    for name, values in simulation.run(fed).items():
        assert np.array_equal(values, expected[name])
    other = simulation.run(fed - np.float32(2.0**exponent))
    assert any(not np.array_equal(other[name], values) for name, values in expected.items())
    assert np.array_equal(ChipTensor("x", 8, exponent, (1, 32, 32, 3)).quantise(np.arange(256) / 255), integers)


def test_outputs_are_integers_of_their_exponents_in_the_order_said(
    said: dict[str, Any], simulation: Simulation, exported: Exported
) -> None:
    outputs, values = simulation.run(PIXELS), {}
    for name, entry in said["outputs"].items():
        whole = outputs[name].transpose(0, 2, 3, 1) * 2.0 ** -entry["exponent"]
        assert list(whole.shape) == entry["shape"]
        assert np.array_equal(whole, np.rint(whole))
        assert (whole % 2 != 0).any()  # else the exponent would be one less
        assert np.abs(whole).max() <= (128 if entry["type"] == "int8" else 32768)
        values[name] = (whole[0] * 2.0 ** entry["exponent"]).astype(np.float32)
    assert said["outputs"]["box"]["channels"].startswith("a*4+j")
    assert said["score"] == "sigmoid(quality) * sigmoid(cls)"
    anchors = np.array(said["anchors"], np.float32)
    h, w = values["box"].shape[:2]
    boxes, scores = EspdlPredictor(exported.files[0]).infer(PIXELS)[0]
    for a, y, x in ((0, 0, 0), (3, 1, 2), (7, h - 1, w - 1)):
        tx, ty, tw, th = (values["box"][y, x, a * 4 + j] for j in range(4))
        centre = np.array([(sigmoid(tx) + x) / w, (sigmoid(ty) + y) / h])
        half = anchors[a] * np.log1p(np.exp([tw, th])) / 2
        row = a * h * w + y * w + x
        assert np.abs(boxes[row] - np.concatenate([centre - half, centre + half])).max() < 1e-5
        score = sigmoid(values["quality"][y, x, a]) * sigmoid(values["cls"][y, x, a])
        assert abs(scores[row, 0] - score) < 1e-6


def test_the_metadata_say_what_the_file_is(exported: Exported, said: dict[str, Any]) -> None:
    content, spec = exported.files[0].read_bytes(), EspdlPredictor(exported.files[0]).spec
    for text in (spec.extra["espdl_outputs"], spec.input_range, "NHWC"):
        assert text.encode() in content
    assert spec.input_layout == "NHWC"
    assert spec.input_range.startswith("int8: clamp(round(p * 2^")
    assert json.loads(spec.extra["espdl_outputs"]) == said["outputs"]


def test_exponents_are_those_that_esp_ppq_wrote(exported: Exported, said: dict[str, Any]) -> None:
    info = exported.files[1].read_text()
    for name, entry in (*said["input"].items(), *said["outputs"].items()):
        found = re.search(rf"%{name}\[(INT\d+), [\dx]+\], exponents: \[(-?\d+)\]", info)
        assert found is not None, name
        assert (found[1].lower(), int(found[2])) == (entry["type"], entry["exponent"])


def defined(header: Path, folder: Path) -> dict[str, float]:
    """Compile a header without a warning and return its numbers."""
    text = header.read_text()
    names = re.findall(r"^#define (\w+) \S", text, re.M)
    table = re.search(r"float (\w+)\[(\w+)\]\[2\]", text)
    lines = [f'printf("{name} %.9g\\n", (double){name});' for name in names]
    if table:
        each = f'printf("anchor%d %.9g\\n", i, (double){table[1]}[i / 2][i % 2]);'
        lines.append(f"for (int i = 0; i < 2 * {table[2]}; i++) {each}")
    (folder / "main.c").write_text(
        f'#include "{header}"\n#include <stdio.h>\nint main(void) {{\n' + "\n".join([*lines, "return 0;}"])
    )
    flags = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic"]
    subprocess.run(["cc", *flags, "main.c", "-o", "main"], cwd=folder, check=True, timeout=60)
    shown = subprocess.run([folder / "main"], check=True, capture_output=True, text=True, timeout=60).stdout
    return {name: float(value) for name, value in (line.split() for line in shown.splitlines())}


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
def test_the_header_compiles_and_says_the_same(exported: Exported, said: dict[str, Any], tmp_path: Path) -> None:
    found = defined(file_of(exported, "_decode.h"), tmp_path)
    for prefix, entry in (("INPUT", *said["input"].values()), *((k.upper(), v) for k, v in said["outputs"].items())):
        sides = [found[f"TINY_{prefix}_{side}"] for side in ("HEIGHT", "WIDTH", "CHANNELS")]
        assert [1, *sides] == entry["shape"]
        assert found[f"TINY_{prefix}_EXPONENT"] == entry["exponent"]
        assert f"int{found[f'TINY_{prefix}_BITS']:.0f}" == entry["type"]
    card = EspdlPredictor(exported.files[0]).spec
    assert found["TINY_CONF_THRESH"] == pytest.approx(card.conf_thresh, rel=1e-7)
    assert found["TINY_NMS_IOU"] == pytest.approx(card.nms_iou, rel=1e-7)
    assert found["TINY_CLASSES"] == len(card.class_names)
    anchors = [found[f"anchor{i}"] for i in range(2 * int(found["TINY_ANCHORS"]))]
    assert np.allclose(anchors, np.ravel(said["anchors"]), rtol=1e-7)


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
def test_names_that_c_does_not_take(exported: Exported, tmp_path: Path) -> None:
    card = EspdlPredictor(exported.files[0]).spec
    source = ChipTensor("input", 8, -7, (1, 8, 8, 3))
    header, _ = write_decode_files(tmp_path, "64x64-é", card, {}, source, [ChipTensor("hm", 8, -2, (1, 2, 2, 1))])
    assert defined(header, tmp_path)["M64X64___HM_EXPONENT"] == -2


def constants_of(header: Path) -> dict[str, int]:
    """Return the whole numbers that a header defines, without the model's name."""
    found = re.findall(r"^#define M_(\w+) \(?(-?\d+)\)?$", header.read_text(), re.M)
    return {name: int(value) for name, value in found}


@pytest.mark.parametrize("reg_max", [0, 3])
def test_boxes_without_anchors_are_decoded_by_what_the_header_says(
    reg_max: int, photographs: Path, tmp_path: Path
) -> None:
    model = make_family("utod_anchor_free", reg_max=reg_max, num_classes=2)
    meta = describe(model, img_size="32x48", class_names=["person", "dog"])
    save_weights(tmp_path / "m.safetensors", model.state_dict(), meta)
    config = EspdlConfig(image_dir=photographs, calib_steps=4, reconstruction=False)
    prepared, spec = open_source(tmp_path / "m.safetensors", config)
    done = export_espdl(prepared, spec, tmp_path / "m.espdl", config, lambda _: None)
    header, table = file_of(done, "_decode.h"), json.loads(file_of(done, "_decode.json").read_text())
    order = re.search(r"ltrb: channel (.+); value", header.read_text())
    rule = re.search(r"boxes, of cell .*?: (.+)", header.read_text())
    assert order is not None
    assert rule is not None
    assert (order[1], rule[1]) == (table["outputs"]["ltrb"]["channels"], table["boxes"])
    assert spec.extra["decode_bbox"] == rule[1]
    known = constants_of(header)
    assert known["REG_MAX"] == table["reg_max"] == reg_max
    assert "cls: channel c = class;" in header.read_text()
    pixels = np.random.default_rng(1).random((1, 3, 32, 48), np.float32)
    values = Simulation(load_simulation(simulator_path(done.files[0]))[0]).run(pixels)["ltrb"][0]
    boxes, _ = EspdlPredictor(done.files[0]).infer(pixels)[0]
    reading, *sides = rule[1].split("; ")
    h, w = known["LTRB_HEIGHT"], known["LTRB_WIDTH"]
    for y, x in ((0, 0), (1, 2), (h - 1, w - 1)):
        place = {"x": x, "y": y, "w": w, "h": h}
        for j, name in enumerate("ltrb"):
            if reg_max:
                assert "sum of k*p[k], p=softmax of" in reading
                index = order[1].split(",")[0]
                logits = [values[eval(index, {"j": j, "k": k}), y, x] for k in range(known["REG_MAX"] + 1)]
                place[name] = np.arange(len(logits)) @ np.exp(logits) / np.exp(logits).sum()
            else:
                assert reading == "l,t,r,b=softplus(ltrb)"
                place[name] = np.log1p(np.exp(values[order[1].split(", ").index(name), y, x]))
        # "h" and "w" are the map's, and no side has their name.
        found = [eval(side.split("=")[1], dict(place)) for side in sides]
        np.testing.assert_allclose(boxes[y * w + x], found, atol=1e-5)


def test_separate_attributes_have_their_numbers(tmp_path: Path) -> None:
    layout = make_family("utod_attributes").layout()
    assert isinstance(layout, HeadLayout)
    card = ModelCard(
        class_names=("person", "hat", "bag"), multi_label_det_classes=(4,), multi_label_attr_classes=(7, 2)
    )
    outputs = [
        ChipTensor(name, 8, -4, (1, 2, 2, channels), channel_order(name, channels, ("box", "cls", "attr")))
        for name, channels in (("box", 32), ("cls", 8), ("attr", 16))
    ]
    source = ChipTensor("input", 8, -7, (1, 16, 16, 3))
    header, file = write_decode_files(tmp_path, "m", card, {"anchors": layout.anchors}, source, outputs)
    known, table = constants_of(header), json.loads(file.read_text())
    for name in ("CLS", "ATTR"):
        assert known[f"{name}_PER_ANCHOR"] == known[f"{name}_CHANNELS"] // known["ANCHORS"]
        assert known[f"{name}_PER_ANCHOR"] == table["channels_per_anchor"][name.lower()]
        assert f"= M_{name}_PER_ANCHOR;" in header.read_text()
    assert known["ATTR_FIRST_CLASS"] == known["CLS_PER_ANCHOR"] == 1
    assert table["classes_of_channels"] == {"cls": [0], "attr": [1, 2]}
    assert table["class_labels"] == [4, 7, 2]
    for line in (
        "cls: c = 0 is class 0, person (4 in label files)",
        "attr: n = 0 is class 1, hat (7 in label files); n = 1 is class 2, bag (2 in label files)",
    ):
        assert line in header.read_text()


CAMERA = Path(__file__).parents[3] / "integrations/esp32-s3-camera"
MAIN = """#include "decode.hpp"
#include <cstdio>
static std::vector<float> read(size_t count)
{
    std::vector<float> out(count);
    return std::fread(out.data(), 4, count, stdin) == count ? out : std::vector<float>();
}
int main()
{
    constexpr int cells = PEOPLE_BOX_WIDTH * PEOPLE_BOX_HEIGHT;
    static uint8_t frame[2 * 45 * 37];
    static int8_t input[3 * PEOPLE_INPUT_WIDTH * PEOPLE_INPUT_HEIGHT];
    if (std::fread(frame, 1, sizeof frame, stdin) != sizeof frame)
        return 1;
    people::fill(frame, 45, 37, input);
    for (const int8_t byte : input)
        std::printf("%d ", byte);
    const auto box = read(cells * PEOPLE_BOX_CHANNELS), quality = read(cells * PEOPLE_QUALITY_CHANNELS);
    for (const auto &b : people::decode(box, quality, read(cells * PEOPLE_CLS_CHANNELS), 0.05f))
        std::printf("\\n%.7f %.7f %.7f %.7f %.7f %d", b.x1, b.y1, b.x2, b.y2, b.score, b.kind);
}
"""


@pytest.mark.skipif(shutil.which("c++") is None, reason="no C++ compiler")
def test_the_camera_example_feeds_and_decodes_as_python_does(
    exported: Exported, said: dict[str, Any], simulation: Simulation, tmp_path: Path
) -> None:
    header = file_of(exported, "_decode.h").read_text().replace("TINY_", "PEOPLE_").replace("tiny_", "people_")
    (tmp_path / "people_decode.h").write_text(header)
    (tmp_path / "main.cpp").write_text(MAIN)
    flags = ["-std=c++17", "-O0", "-Wall", "-Wextra", "-Werror", f"-I{CAMERA}/espdl/main", f"-I{tmp_path}"]
    subprocess.run(["c++", *flags, "main.cpp", "-o", "main"], cwd=tmp_path, check=True, timeout=60)
    pixels = np.random.default_rng(3).integers(0, 1 << 16, (37, 45), np.uint16)
    outputs = simulation.run(PIXELS)
    fed = pixels.astype(">u2").tobytes()
    fed += b"".join(outputs[name].transpose(0, 2, 3, 1).astype("<f4").tobytes() for name in ("box", "quality", "cls"))
    lines = subprocess.run(
        [tmp_path / "main"], input=fed, check=True, capture_output=True, timeout=60
    ).stdout.splitlines()
    r, g, b = pixels >> 11, pixels >> 5 & 63, pixels & 31
    image = np.stack([r << 3 | r >> 2, g << 2 | g >> 4, b << 3 | b >> 2], -1).astype(np.uint8)
    predictor = EspdlPredictor(exported.files[0])
    (source,) = said["input"].values()
    small = resize_image(image, (32, 32), predictor.spec.resize_mode)
    expected = np.clip(np.rint(small * 2.0 ** -source["exponent"] / 255), -128, 127)
    np.testing.assert_array_equal(np.array(lines[0].split(), int), expected.ravel())
    found = np.array([line.split() for line in lines[1:]], float)
    kept = predictor.predict([(BYTES.reshape(3, 32, 32).transpose(1, 2, 0))], 0.05)[0]
    assert len(found) == len(kept) > 1
    np.testing.assert_allclose(found[:, 4], kept.scores, atol=1e-5)
    np.testing.assert_allclose(found[:, :4] * 32, kept.xyxy, atol=1e-3)


STUBS = {
    "esp_camera.h": """#include <stdint.h>
#include <stddef.h>
typedef int esp_err_t;
enum { ESP_OK, LEDC_TIMER_0, LEDC_CHANNEL_0, PIXFORMAT_RGB565, FRAMESIZE_240X240, CAMERA_FB_IN_PSRAM,
    CAMERA_GRAB_LATEST };
typedef struct { int pin_pwdn, pin_reset, pin_xclk, pin_sccb_sda, pin_sccb_scl, pin_d7, pin_d6, pin_d5, pin_d4, pin_d3,
    pin_d2, pin_d1, pin_d0, pin_vsync, pin_href, pin_pclk, xclk_freq_hz, ledc_timer, ledc_channel, pixel_format,
    frame_size, fb_location, grab_mode; size_t fb_count; } camera_config_t;
typedef struct { uint8_t *buf; size_t len, width, height; } camera_fb_t;
esp_err_t esp_camera_init(const camera_config_t *config);
camera_fb_t *esp_camera_fb_get(void);
void esp_camera_fb_return(camera_fb_t *frame);
""",
    "esp_timer.h": "#include <stdint.h>\nint64_t esp_timer_get_time(void);\n",
    "sdkconfig.h": "",
    "people.h": "#include <stdint.h>\ntypedef struct { float x1, y1, x2, y2, score; int class_id; } people_box;\n"
    "#define people_CONF_THRESH 0.3f\n#define people_NMS_IOU 0.5f\nextern const char *const people_class_names[1];\n"
    "int people_detect_rgb565(const uint8_t *, int, int, int, int, people_box *, int, float, float);\n",
}


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
@pytest.mark.parametrize("source", ["camera/camera.c", "c/main/main.c"])
def test_the_camera_examples_in_c_are_sound(source: str, tmp_path: Path) -> None:
    """Against stand-ins of ESP-IDF: its own compiler is not to be had here."""
    for name, text in STUBS.items():
        (tmp_path / name).write_text(text)
    flags = [
        "-std=gnu11",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-fsyntax-only",
        f"-I{CAMERA}/camera/include",
        f"-I{tmp_path}",
    ]
    for board in ("CONFIG_PEOPLE_BOARD_S3_EYE", "CONFIG_PEOPLE_BOARD_XIAO"):
        subprocess.run(["cc", *flags, f"-D{board}=1", str(CAMERA / source)], check=True, timeout=60)

"""LiteRT files compute what torch computes, say how they are fed, and are refused where they would mislead."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from tests.export.conftest import FAMILIES, class_names, make_family
from uhd.card import ModelSpec
from uhd.cli import main, original
from uhd.config import preset
from uhd.errors import UserError
from uhd.export.litert.config import ENDINGS, LitertConfig, parse_kinds
from uhd.load import load
from uhd.models.network import DetectorNetwork
from uhd.models.predictor import TorchPredictor

pytest.importorskip("litert_torch", reason="litert-torch is not installed: pip install '.[litert]'")

from uhd.export.litert.convert import to_float32
from uhd.export.litert.export import Exported, export_litert, largest_difference
from uhd.export.litert.flatbuffer import _pack, add_metadata, gather_buffers
from uhd.export.litert.quantise import activation_ranges
from uhd.export.onnx.form import ExportForm
from uhd.export.onnx.metadata import metadata_of
from uhd.runtime.litert import LitertPredictor, open_interpreter

from .conftest import SIZE

KINDS = tuple(ENDINGS)
# Largest change of a score, by how coarse the numbers are.
CLOSE = {"float32": 1e-4, "float16": 5e-3, "dynamic-range": 0.1, "full-integer": 0.15, "full-integer-int16": 0.05}


@pytest.fixture(scope="module")
def written(
    network: DetectorNetwork, spec: ModelSpec, photographs: Path, tmp_path_factory: pytest.TempPathFactory
) -> Exported:
    config = LitertConfig(kinds=KINDS, calibration=photographs, calibration_images=6)
    return export_litert(network, tmp_path_factory.mktemp("litert") / "m.tflite", spec, config)


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(1).random((3, 3, 32, 48), dtype=np.float32)


def test_one_command_writes_every_kind_under_the_names_of_onnx2tf(written: Exported) -> None:
    assert [path.name for path in written.models.values()] == [f"m_{ending}.tflite" for ending in ENDINGS.values()]
    assert [path.name for path in written.sidecars] == ["m_anchors.npy", "m_wh_scale.npy"]
    sizes = {kind: path.stat().st_size for kind, path in written.models.items()}
    assert sizes["float16"] < sizes["float32"]
    assert written.difference is not None
    assert written.difference < 1e-4


@pytest.mark.parametrize("kind", KINDS)
def test_boxes_and_scores_are_those_of_torch(
    kind: str, written: Exported, network: DetectorNetwork, spec: ModelSpec, images: np.ndarray
) -> None:
    found = LitertPredictor(written.models[kind]).infer(images)
    expected = TorchPredictor(network, spec).infer(images)
    assert len(found) == 3
    for (boxes, scores), (true_boxes, true_scores) in zip(found, expected, strict=True):
        assert boxes.shape == true_boxes.shape
        assert np.abs(scores - true_scores).max() < CLOSE[kind]
        if kind == "float32":
            assert np.abs(boxes - true_boxes).max() < 1e-4


def test_full_integer_takes_and_gives_integers(written: Exported) -> None:
    for kind, dtype in (("full-integer", np.int8), ("full-integer-int16", np.int16)):
        predictor = LitertPredictor(written.models[kind])
        assert predictor.feed["dtype"] is dtype
        assert {detail["dtype"] for detail in predictor.outputs.values()} == {dtype}
    scale, zero = LitertPredictor(written.models["full-integer"]).feed["quantization"]
    assert (zero, scale) == (-128, pytest.approx(1 / 255))  # the bytes of the picture, less 128
    separate = LitertPredictor(written.models["full-integer"]).outputs
    assert len({detail["quantization"] for detail in separate.values()}) == len(separate) == 3


def test_the_file_says_how_it_is_fed(written: Exported, spec: ModelSpec) -> None:
    for kind, path in written.models.items():
        said = LitertPredictor(path).spec
        assert (said.input_size, said.class_names, said.conf_thresh) == (spec.input_size, spec.class_names, 0.25)
        assert (said.extra["quantisation"], said.input_layout, said.licence) == (kind, "NHWC", "MIT")


def test_load_detects_in_a_picture(written: Exported, network: DetectorNetwork, spec: ModelSpec) -> None:
    picture = np.random.default_rng(2).integers(0, 256, (77, 101, 3), np.uint8)
    found = load(written.models["float32"])(picture, 0.0, 0.0)
    expected = TorchPredictor(network, spec).predict([picture], 0.0, 0.0)[0]
    assert len(found) == len(expected)
    assert np.abs(found.scores - expected.scores).max() < 1e-4
    assert np.abs(np.sort(found.xyxy, 0) - np.sort(expected.xyxy, 0)).max() < 0.05


def test_a_file_without_metadata_is_read_with_the_tables_beside_it(
    network: DetectorNetwork, spec: ModelSpec, written: Exported, images: np.ndarray, tmp_path: Path
) -> None:
    # As onnx2tf writes it: no metadata, no names, maps in the order of the ONNX file.
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(written.models["float32"].read_bytes(), 0)
    model.metadata, model.signatureDefs = [], []
    graph = model.subgraphs[0]
    graph.outputs = sorted(graph.outputs, key=lambda i: ["box", "quality", "cls"].index(graph.tensors[i].name.decode()))
    for i in graph.outputs:
        graph.tensors[i].name = f"Identity_{i}".encode()
    path = tmp_path / "m_nopost_float32.tflite"
    path.write_bytes(_pack(model))
    with pytest.raises(UserError, match="--resize-mode"):
        LitertPredictor(path)
    known = {"resize_mode": spec.resize_mode, "class_names": spec.class_names}
    with pytest.raises(UserError, match=r"NAME_anchors\.npy"):
        LitertPredictor(path, **known)
    for file in written.sidecars:
        shutil.copyfile(file, tmp_path / file.name)
    found = LitertPredictor(path, **known).infer(images)[0]
    expected = TorchPredictor(network, spec).infer(images)[0]
    assert max(np.abs(a - b).max() for a, b in zip(found, expected, strict=True)) < 1e-4


def test_damaged_files_are_named(written: Exported, tmp_path: Path) -> None:
    content = written.models["float32"].read_bytes()
    for name, data in {"empty": b"", "text": b"no model at all", "cut": content[: len(content) // 3]}.items():
        path = tmp_path / f"{name}.tflite"
        path.write_bytes(data)
        with pytest.raises(UserError, match=rf"{name}\.tflite"):
            load(path)


def test_the_size_in_the_file_wins_over_another_one(written: Exported) -> None:
    with pytest.raises(UserError, match="built for 32x48"):
        LitertPredictor(written.models["float32"], input_size=(64, 64))


def test_ranges_leave_out_the_rarest_values(written: Exported) -> None:
    content = written.models["float32"].read_bytes()
    images = np.random.default_rng(3).random((2, 32, 48, 3), dtype=np.float32)
    whole, inner = activation_ranges(content, images, 100), activation_ranges(content, images, 99)
    assert whole.keys() == inner.keys()
    assert whole["image"] == inner["image"] == (0.0, 1.0)
    assert all(whole[name][0] <= inner[name][0] <= 0 <= inner[name][1] <= whole[name][1] for name in whole)
    narrower = [name for name in whole if inner[name][1] < 0.9 * whole[name][1]]
    assert len(narrower) > len(whole) / 4
    interpreter, _ = open_interpreter(written.models["float32"])
    assert {detail["name"] for detail in interpreter.get_output_details()} <= whole.keys()


@pytest.mark.slow
def test_merged_rows_are_those_of_torch(tmp_path: Path) -> None:
    network = make_family("anchor_cnn")
    spec = ModelSpec(input_size=(32, 32), class_names=class_names(network))
    done = export_litert(network, tmp_path / "m.tflite", spec, LitertConfig(kinds=("float32",), form="merged", topk=30))
    assert list(done.models.values()) == [tmp_path / "m.tflite"]
    assert done.sidecars == ()
    assert done.difference is not None
    assert done.difference < 1e-4


@pytest.mark.slow
def test_all_branches_and_the_tables_beside_them(tmp_path: Path, images: np.ndarray) -> None:
    network = make_family("utod_classes")
    spec = ModelSpec(input_size=SIZE, class_names=class_names(network))
    config = preset(LitertConfig, "original", kinds=("dynamic-range",))
    done = export_litert(network, tmp_path / "m.tflite", spec, config)
    predictor = LitertPredictor(done.models["dynamic-range"])
    assert set(predictor.outputs) == {"box", "obj", "quality", "cls"}
    assert [path.name for path in done.sidecars] == ["m_anchors.npy", "m_wh_scale.npy"]
    found, expected = predictor.infer(images), TorchPredictor(network, spec).infer(images)
    assert np.abs(found[0][1] - expected[0][1]).max() < CLOSE["dynamic-range"]


@pytest.mark.slow
@pytest.mark.parametrize("form", ["parts", "raw", "merged"])
@pytest.mark.parametrize("family", FAMILIES)
def test_every_architecture_converts(family: str, form: str) -> None:
    network, asked = make_family(family), ExportForm(form, 20)
    spec = ModelSpec(input_size=(64, 64), class_names=class_names(network))
    content, names = to_float32(network, spec, asked)
    file = add_metadata(content, metadata_of(network, spec, asked, names))
    assert largest_difference(file, network, asked) < 1e-4


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kinds": ("full-integer",)}, "--calibration DIR"),
        ({"kinds": ("full-integer",), "form": "merged", "calibration": Path("x")}, "separate outputs"),
    ],
)
def test_what_cannot_be_had_is_said(settings: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        LitertConfig(**settings).chosen()  # type: ignore[arg-type]


def test_kinds_from_a_command_line() -> None:
    assert parse_kinds("float32, full_integer") == ("float32", "full-integer")
    with pytest.raises(UserError, match="float16"):
        parse_kinds("flaot16")
    assert LitertConfig().chosen() == ("float32", "float16", "dynamic-range")
    # The original's demo takes such a name for that of a file which resizes frames.
    assert not any("dynamic" in ending for ending in ENDINGS.values())


def test_inspect_prints_tensors_and_metadata(written: Exported, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(written.models["full-integer"])]) == 0
    shown = capsys.readouterr().out
    assert "image: [1, 32, 48, 3] int8, scale 0.00392157, zero point -128" in shown
    assert "quantisation: full-integer" in shown


def test_the_originals_demo_takes_the_file(
    written: Exported, photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    command = ["--images", str(photographs), "--tflite", str(written.models["full-integer"]), "--output", "out"]
    assert original.demo(command) == 0
    assert len(list((tmp_path / "out").iterdir())) == 6


def test_weights_behind_the_file_are_taken_into_it(written: Exported, images: np.ndarray) -> None:
    """TensorFlow Lite Micro sees no others; quantisers put those of larger models there."""
    from ai_edge_litert import schema_py_generated as schema

    content = written.models["float32"].read_bytes()
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    behind, place = b"", 16 * len(content)
    for buffer in model.buffers:
        if buffer.data is not None and len(buffer.data) > 64:
            data = bytes(buffer.data)
            buffer.data, buffer.offset, buffer.size = None, place + len(behind), len(data)
            behind += data + bytes(-len(data) % 16)
    outside = _pack(model).ljust(place, b"\0") + behind
    expected = LitertPredictor(content).infer(images[:1])[0]
    gathered = gather_buffers(outside)
    assert len(gathered) < len(content) + 1000
    back = schema.ModelT.InitFromPackedBuf(gathered, 0)
    assert all(buffer.offset == 0 for buffer in back.buffers)
    for found, wanted in zip(LitertPredictor(gathered).infer(images[:1])[0], expected, strict=True):
        np.testing.assert_array_equal(found, wanted)
    assert gather_buffers(gathered) is gathered
    for path in written.models.values():
        assert gather_buffers(path.read_bytes()) == path.read_bytes()


def script(name: str) -> ModuleType:
    """Return a file of the integration of TensorFlow Lite Micro."""
    place = Path(__file__).parents[3] / "integrations/tflite-micro" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_tflite_micro_computes_the_integers_of_litert(written: Exported) -> None:
    pytest.importorskip("tflite_micro", reason="tflite-micro is not installed: pip install tflite-micro")
    compare = script("compare")
    content = written.models["full-integer"].read_bytes()
    pixels = [np.random.default_rng(i).integers(-128, 128, (1, 32, 48, 3), np.int8) for i in range(3)]
    found, expected = compare.run_micro(content, pixels), compare.run_litert(content, pixels, "reference")
    for ours, theirs in zip(found, expected, strict=True):
        assert len(ours) == len(theirs) == 3
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(a, b)
            assert a.std() > 0


def test_the_openmv_script_finds_the_same_boxes(written: Exported, images: np.ndarray) -> None:
    predictor = LitertPredictor(written.models["full-integer"])
    anchors, scale = (np.load(path) for path in written.sidecars)
    decode = script("openmv").decode
    picture = np.round(images[0].transpose(1, 2, 0) * 255).astype(np.uint8)
    expected = predictor.predict([picture], 0.02, 0.5)[0]
    details = list(predictor.outputs.values())
    assert next(iter(predictor.outputs)) == "box"
    maps = [predictor.interpreter.get_tensor(detail["index"]) for detail in details]
    found = decode(maps, *zip(*(detail["quantization"] for detail in details), strict=True), anchors * scale, 0.02, 0.5)
    assert len(found) == len(expected) > 3
    h, w = picture.shape[:2]
    np.testing.assert_allclose([row[4] for row in found], expected.scores, atol=1e-5)
    np.testing.assert_allclose(np.array([row[:4] for row in found]) * (w, h, w, h), expected.xyxy, atol=1e-3)
    assert [row[5] for row in found] == expected.class_ids.tolist()

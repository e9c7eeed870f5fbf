"""Eight bits: the file runs, is close, and keeps in float what costs most."""

from __future__ import annotations

import copy
import json
import weakref
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from onnxruntime.quantization.calibrate import TensorsData

from tests.export.conftest import class_names, make_family
from uhd.card import ModelSpec
from uhd.compress.int8.calibrate import activation_ranges, calibration_feeds
from uhd.compress.int8.config import Int8Config
from uhd.compress.int8.feeds import Feeds, ReadAgain
from uhd.compress.int8.layers import body_of, layers_of
from uhd.compress.int8.quantise import Quantised, quantise_onnx, write_int8
from uhd.compress.int8.sensitivity import ErrorMeter
from uhd.compress.int8.weight_only import store_weights
from uhd.data.config import DataConfig
from uhd.data.open import open_data, read_dataset
from uhd.errors import UserError
from uhd.evaluation.dataset import evaluate_dataset
from uhd.export.onnx.export import export_onnx
from uhd.model_file import model_file
from uhd.resize import input_channels
from uhd.runtime.onnx import OnnxPredictor


def exported(family: str, path: Path, mode: str = "opencv_inter_nearest", **options: Any) -> onnx.ModelProto:
    model = make_family(family, **({} if mode == "opencv_inter_nearest" else {"in_channels": input_channels(mode)}))
    spec = ModelSpec((48, 64), mode, class_names(model), metrics={"AP50": 0.3})
    return export_onnx(model, path, spec, verify=False, **options)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for i in range(12):
        small = rng.integers(0, 256, (6, 8, 3), np.uint8)
        cv2.imwrite(str(folder / f"{i}.png"), cv2.resize(small, (80, 60), interpolation=cv2.INTER_CUBIC))
    return folder


def feeds_of(graph: onnx.ModelProto, photos: Path) -> list[np.ndarray]:
    return calibration_feeds(OnnxPredictor(graph.SerializeToString()), photos, 12)[0]


@pytest.mark.parametrize(
    ("family", "options"),
    [
        ("utod", {}),
        pytest.param("utod_classes", {"form": "raw"}, marks=pytest.mark.slow),
        pytest.param("utod", {"form": "nms", "uint8_input": True, "dynamic_resize": True}, marks=pytest.mark.slow),
        ("centernet_any_cell", {"form": "primitive", "batch": None}),
        pytest.param("anchor_cnn", {"form": "parts"}, marks=pytest.mark.slow),
        pytest.param("transformer", {"form": "merged"}, marks=pytest.mark.slow),
    ],
)
def test_the_int8_file_runs_and_is_close(family: str, options: dict[str, Any], photos: Path, tmp_path: Path) -> None:
    graph = exported(family, tmp_path / "float.onnx", **options)
    lines = write_int8(graph, tmp_path / "int8.onnx", Int8Config(calibration=photos, keep_float=0))
    exact, small = OnnxPredictor(tmp_path / "float.onnx"), OnnxPredictor(tmp_path / "int8.onnx")
    error = float(lines[-1].split()[4].rstrip(","))
    assert 0 < error < 0.4
    kinds = [node.op_type for node in onnx.load(tmp_path / "int8.onnx").graph.node]
    assert kinds.count("QuantizeLinear") > 5
    for path in sorted(photos.glob("*.png"))[:3]:
        image = cv2.imread(str(path))[:, :, ::-1]
        scores = [each.infer(each.preprocess([image]))[0][1] for each in (exact, small)]
        assert abs(np.sort(scores[0].ravel())[-10:] - np.sort(scores[1].ravel())[-10:]).max() < 0.15


def test_what_is_calibrated_on_is_what_the_deployed_model_is_fed(photos: Path, tmp_path: Path) -> None:
    for mode in ("torch_bilinear", "opencv_inter_nearest_yuv422", "opencv_inter_nearest_y_tri"):
        graph = exported("utod", tmp_path / "m.onnx", mode)
        predictor = OnnxPredictor(tmp_path / "m.onnx")
        images = [cv2.imread(str(path))[:, :, ::-1] for path in sorted(photos.glob("*.png"), key=lambda p: p.name)]
        feeds = feeds_of(graph, photos)
        assert len(feeds) == 12
        for image, feed in zip(images, feeds, strict=True):
            assert np.array_equal(predictor.preprocess([image]), feed)


@pytest.mark.slow
def test_a_layer_that_eight_bits_ruin_ranks_first_and_auto_keeps_it(photos: Path, tmp_path: Path) -> None:
    graph = exported("utod", tmp_path / "m.onnx")
    bad = "/backbone/stem/conv/Conv"
    node = next(node for node in graph.graph.node if node.name == bad)
    weight = next(tensor for tensor in graph.graph.initializer if tensor.name == node.input[1])
    # Enormous weights for red, which no picture has: float does not notice, and the others are rounded to nothing.
    values = numpy_helper.to_array(weight).copy()
    values[:, 0] = 400
    weight.CopyFrom(numpy_helper.from_array(values, weight.name))
    feeds = feeds_of(graph, photos)
    for feed in feeds:
        feed[:, 0] = 0
    whole = quantise_onnx(graph, feeds, Int8Config(keep_float=0))
    assert (whole.kept, whole.ranking) == ([], [])
    done = quantise_onnx(graph, feeds, Int8Config(tolerance=0.7 * whole.error))
    assert done.ranking[0].layer == bad
    assert done.ranking[0].error > 3 * done.ranking[1].error
    assert done.kept[0] == bad
    assert done.error <= 0.7 * whole.error
    table = {prop.key: prop.value for prop in done.graph.metadata_props}
    assert json.loads(table["float_layers"]) == done.kept
    convolution = next(node for node in done.graph.graph.node if node.name == bad)
    assert convolution.input[1] == weight.name  # still the float weights


@pytest.mark.parametrize(
    "method",
    ["minmax", pytest.param("entropy", marks=pytest.mark.slow), pytest.param("percentile", marks=pytest.mark.slow)],
)
def test_every_way_to_calibrate(method: str, photos: Path, tmp_path: Path) -> None:
    graph = exported("utod", tmp_path / "m.onnx", form="nms")
    config = Int8Config(calibration_method=method, keep_float=0, percentile=99.9)
    assert 0 < quantise_onnx(graph, feeds_of(graph, photos), config).error < 0.5


Ranges = Callable[[TensorsData, str], TensorsData]


@pytest.fixture
def calibrating(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Ranges, str], Quantised]:
    """Quantises a network by a method, with what a function makes of the ranges from the smallest to the largest."""
    graph = exported("utod", tmp_path / "m.onnx", form="nms")
    feeds = feeds_of(graph, photos)
    module = import_module("uhd.compress.int8.quantise")
    measured = module.activation_ranges

    def run(change: Ranges, method: str = "auto") -> Quantised:
        def ranges(whole: onnx.ModelProto, feeds: Feeds, method: str, percentile: float) -> TensorsData:
            return change(measured(whole, feeds, "minmax", percentile), method)

        monkeypatch.setattr(module, "activation_ranges", ranges)
        return quantise_onnx(graph, feeds, Int8Config(keep_float=0, calibration_method=method))

    return run


@pytest.mark.parametrize(("better", "other"), [("minmax", "percentile"), ("percentile", "minmax")])
def test_the_method_with_the_smaller_error_is_taken(
    better: str, other: str, calibrating: Callable[[Ranges, str], Quantised]
) -> None:
    def cut(found: TensorsData, method: str) -> TensorsData:
        """Cut most of what the other method saw off."""
        if method == other:
            for each in found.data.values():
                low, high = each.range_value
                each.lowest, each.highest = low * 0.02, high * 0.02
        return found

    done, worse = calibrating(cut, "auto"), calibrating(cut, other)
    assert (done.method, worse.method) == (better, other)
    table = {prop.key: prop.value for prop in done.graph.metadata_props}
    assert table["calibration"] == better
    assert worse.error > done.error


def test_where_values_hardly_differ_the_smallest_and_the_largest_are_taken(
    calibrating: Callable[[Ranges, str], Quantised],
) -> None:
    def refuse(found: TensorsData, method: str) -> TensorsData:
        if method == "percentile":
            raise UserError("--calibration-method percentile: the values of some layer hardly differ")
        return found

    assert calibrating(refuse, "auto").method == "minmax"
    with pytest.raises(UserError, match="hardly differ"):
        calibrating(refuse, "percentile")


def test_only_the_network_is_quantised(photos: Path, tmp_path: Path) -> None:
    graph = exported("utod_classes", tmp_path / "m.onnx", form="nms", uint8_input=True, dynamic_resize=True)
    body, layers = body_of(graph), layers_of(graph)
    assert set(layers) <= set(body)
    assert {"/box_out/Conv", "/quality_out/Conv", "/cls_out/Conv", "/backbone/Add"} <= set(body)
    assert not [name for name in body if name.startswith(("/input_", "/Sigmoid", "/Exp", "/Log", "/TopK"))]
    done = quantise_onnx(graph, feeds_of(graph, photos), Int8Config(keep_float=0))
    eight_bits = {out for node in done.graph.graph.node if node.op_type == "DequantizeLinear" for out in node.output}
    decode = [node for node in done.graph.graph.node if node.op_type in ("Exp", "Log", "TopK", "NonMaxSuppression")]
    assert decode
    assert not eight_bits.intersection(name for node in decode for name in node.input)
    weights = [t for t in done.graph.graph.initializer if t.name.endswith("_quantized") and len(t.dims) == 4]
    assert {t.data_type for t in weights} == {onnx.TensorProto.INT8}
    scales = [t for t in done.graph.graph.initializer if t.name.endswith("weight_scale")]
    assert max(len(numpy_helper.to_array(t).reshape(-1)) for t in scales) > 1


def test_metadata_says_what_was_done_and_claims_no_accuracy(photos: Path, tmp_path: Path) -> None:
    graph = exported("anchor_cnn", tmp_path / "m.onnx")
    lines = write_int8(
        graph, tmp_path / "q.onnx", Int8Config(calibration=photos, calibration_method="minmax", keep_float=2)
    )
    assert f"2 of {len(layers_of(graph))} layers in float" in lines[-1]
    spec = OnnxPredictor(tmp_path / "q.onnx").spec
    assert len(json.loads(spec.extra["float_layers"])) == 2
    assert spec.metrics == {}
    assert json.loads(spec.extra["float_metrics"]) == {"AP50": 0.3}
    assert spec.extra["calibration"] == "minmax"
    assert "int8" in spec.extra["quantised"]


def test_nothing_to_calibrate_on(photos: Path, tmp_path: Path) -> None:
    graph = exported("utod", tmp_path / "m.onnx")
    with pytest.raises(UserError, match="--calibration"):
        write_int8(graph, tmp_path / "q.onnx", Int8Config())
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="empty"):
        write_int8(graph, tmp_path / "q.onnx", Int8Config(calibration=tmp_path / "empty"))
    assert not (tmp_path / "q.onnx").exists()


def test_quantising_nothing_changes_nothing(photos: Path, tmp_path: Path) -> None:
    graph = onnx.shape_inference.infer_shapes(exported("utod", tmp_path / "m.onnx"))
    feeds = feeds_of(graph, photos)
    meter = ErrorMeter(graph, activation_ranges(graph, feeds), feeds)
    assert meter.error([]) == pytest.approx(0, abs=1e-6)
    # A measurement leaves no trace in the next.
    layer = layers_of(graph)[0]
    before = meter.error([layer])
    assert meter.error(body_of(graph)) > 0
    assert meter.error([layer]) == before > 0


def test_large_frames_are_read_one_by_one_in_every_pass(photos: Path, tmp_path: Path) -> None:
    form = {"form": "nms", "uint8_input": True, "dynamic_resize": True}
    graph = exported("utod", tmp_path / "m.onnx", **form)
    feeds, _ = calibration_feeds(OnnxPredictor(graph.SerializeToString()), photos, 5)
    assert isinstance(feeds, ReadAgain)
    kept, make, alive = list(feeds), feeds.make, list[int]()
    made: list[weakref.ref[np.ndarray]] = []

    def watched(path: Path) -> np.ndarray:
        alive.append(sum(each() is not None for each in made))
        feed = make(path)
        made.append(weakref.ref(feed))
        return feed

    feeds.make = watched
    config = Int8Config(calibration_method="minmax", keep_float=0)
    found, wanted = quantise_onnx(graph, feeds, config), quantise_onnx(graph, kept, config)
    assert found.graph.SerializeToString() == wanted.graph.SerializeToString()
    assert len(alive) == 5 * len(kept)  # ranges, the float graph, the error of its weights twice, the quantised one
    assert max(alive) == 1  # the one that the next takes the place of


@pytest.mark.slow
@pytest.mark.shared
def test_the_shipped_model_keeps_its_accuracy(people: Path, tmp_path: Path) -> None:
    graph = onnx.load(model_file("small"))
    write_int8(graph, tmp_path / "q.onnx", Int8Config(calibration=people))
    spec = OnnxPredictor(tmp_path / "q.onnx").spec
    data = DataConfig(image_dir=people, classes=(0,), img_size=spec.input_size, resize_mode=spec.resize_mode)
    opened = open_data(data, 42)
    dataset = read_dataset(opened.val, data, opened.report)
    exact, small = (
        evaluate_dataset(OnnxPredictor(path), dataset).metrics["AP50"]
        for path in (model_file("small"), tmp_path / "q.onnx")
    )
    assert small == pytest.approx(exact, abs=0.01)
    assert (tmp_path / "q.onnx").stat().st_size < 0.4 * model_file("small").stat().st_size


def test_layers_that_stay_float_keep_their_weights_on_eight_bits(photos: Path, tmp_path: Path) -> None:
    graph = exported("utod", tmp_path / "a.onnx", form="raw")
    layers, stored = layers_of(graph), copy.deepcopy(graph)
    store_weights(stored)
    assert layers_of(stored) == layers
    floats = [each for each in stored.graph.initializer if each.data_type == onnx.TensorProto.FLOAT]
    assert max(np.prod(each.dims) for each in floats if len(each.dims) > 1) < 512
    assert stored.ByteSize() < graph.ByteSize()
    feed = feeds_of(graph, photos)[0]
    for a, b in zip(
        *(OnnxPredictor(each.SerializeToString()).infer_feed(feed)[0] for each in (graph, stored)), strict=True
    ):
        assert 0 < np.abs(a - b).max() < 0.02 * np.ptp(a)

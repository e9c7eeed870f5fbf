"""The whole way on a small detector: quantised, written, found again in the simulator, scored. Needs esp-ppq."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import helper

from tests.export.conftest import IOU_AWARE, randomise
from uhd.cli import main as uhd
from uhd.compress.calibration import calibration_images
from uhd.compress.prune import prune_channels
from uhd.compress.prune_config import PruneConfig
from uhd.compress.score import labelled, score
from uhd.config import preset
from uhd.data.problems import Report
from uhd.errors import UserError
from uhd.export.espdl.auto_int16 import disagreement, layer_units
from uhd.export.espdl.config import EspdlConfig
from uhd.export.espdl.export import Exported, export_espdl
from uhd.export.espdl.float_graph import FloatGraph
from uhd.export.espdl.prepare import Prepared, prepare
from uhd.export.espdl.quantise import Quantisation, quantise
from uhd.export.espdl.recipes import RECIPES
from uhd.export.espdl.record import describe, load_simulation, simulator_path
from uhd.export.espdl.simulation import Simulation
from uhd.export.espdl.simulator import RawMapPredictor
from uhd.export.espdl.source import open_source
from uhd.export.espdl.split_wide import split_wide_convs
from uhd.load import load
from uhd.models import create_model
from uhd.models.profile import profile
from uhd.models.weights import describe as describe_model
from uhd.models.weights import save_weights

pytestmark = pytest.mark.usefixtures("esp_ppq")

IMAGES = np.random.default_rng(3).random((4, 3, 32, 32), dtype=np.float32)


def test_every_file_is_written_and_nothing_else(exported: Exported, checkpoint: Path) -> None:
    names = [file.name for file in exported.files]
    assert names == [
        "tiny.espdl", "tiny.info", "tiny.json", "tiny.simulator.onnx", "tiny_decode.h", "tiny_decode.json",
        "tiny_anchors.npy", "tiny_wh_scale.npy",
    ]  # fmt: skip
    folder = exported.files[0].parent
    assert sorted(file.name for file in folder.iterdir()) == sorted([*names, "tiny.espdl.log"])
    prepared, _ = open_source(checkpoint, EspdlConfig())
    for name in ("anchors", "wh_scale"):
        assert np.array_equal(np.load(folder / f"tiny_{name}.npy"), prepared.constants[name])
    content = exported.files[0].read_bytes()
    assert content.startswith(b"EDL")
    assert b"opencv_inter_nearest" in content
    # Accuracy was measured on the float model, and is not claimed for this file.
    card = load_simulation(exported.files[3])[1]
    assert json.loads(card["metrics"]) == {}
    assert json.loads(card["float_metrics"])


def test_the_layers_asked_for_are_in_16_bits_and_the_others_in_8(exported: Exported) -> None:
    assert exported.search is not None
    (step,) = exported.search.steps
    assert exported.int16 == set(RECIPES["speed"].patterns) | set(step.nodes)
    assert step.layer not in RECIPES["speed"].patterns
    configs = json.loads(exported.files[2].read_text())["configs"]
    for name, tensors in configs.items():
        if name.endswith("/Conv"):
            # Input, weight, bias, output; the weight decides what the chip computes with.
            weight = list(tensors.values())[1]["bit_width"]
            assert weight == (16 if name in exported.int16 else 8), name


def test_16_bits_bring_the_predictions_closer(exported: Exported) -> None:
    search = exported.search
    assert search is not None
    assert search.steps[0].disagreement < search.before
    # What joins convolutions stays in 8 bits.
    assert search.every < 0.8 * search.before


def test_what_the_search_expects_is_what_the_file_does(exported: Exported, checkpoint: Path, sure: Path) -> None:
    assert exported.search is not None
    prepared, spec = open_source(checkpoint, EspdlConfig())
    paths = sorted((sure / "train").glob("*.png"))
    images = calibration_images(paths, 4, (32, 32), spec.resize_mode, Report())
    table = spec.to_metadata()
    reference = RawMapPredictor(FloatGraph(prepared.model).run, prepared.constants, table).infer(images)
    # The search compares layers that are rounded and nothing else.
    rounded = quantise(prepared.model, images, Quantisation(), exported.int16)
    found = RawMapPredictor(Simulation(rounded.graph).run, prepared.constants, table).infer(images)
    expected = exported.search.steps[-1].disagreement
    assert disagreement(reference, found) == pytest.approx(expected, rel=0.2)
    # Those of the file are fitted as well.
    assert disagreement(reference, load(exported.files[0]).predictor.infer(images)) < expected


def test_the_file_scores_what_the_export_printed(exported: Exported, sure: Path) -> None:
    forms = [each.form for each in exported.scores]
    convs = sum(name.endswith("/Conv") for name in exported.int16)
    assert forms == ["float", "esp32s3 int8", f"esp32s3 int8, {convs} convolutions int16"]
    predictor = load(exported.files[0]).predictor
    assert predictor.spec.conf_thresh == 0.25
    assert predictor.spec.metrics == {}
    found = score("again", predictor, labelled(sure, predictor.spec, (0,)))
    assert (found.ap50, found.ap) == (exported.scores[-1].ap50, exported.scores[-1].ap)
    assert exported.scored_images == 4
    assert exported.scores[0].ap50 > 0.5
    assert 0 < exported.scores[1].ap < exported.scores[0].ap


def test_the_estimate_knows_the_bits(exported: Exported) -> None:
    assert exported.latency is not None
    assert {layer.name for layer in exported.latency.layers if layer.bits == 16} == {
        name for name in exported.int16 if name.endswith("/Conv")
    }


def test_it_runs_like_any_model(
    exported: Exported, sure: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert uhd(["val", str(sure), "--model", str(exported.files[0])]) == 0
    assert f"{exported.scores[-1].ap50:.4f}" in capsys.readouterr().out
    picture = next((sure / "val").glob("*.png"))
    found = load(exported.files[0])(picture, 0.0, 0.0)
    assert len(found) > 10
    assert found.image_size == (60, 80)


def test_a_simulation_belongs_to_its_file(exported: Exported, tmp_path: Path) -> None:
    copy = tmp_path / "tiny.espdl"
    copy.write_bytes(exported.files[0].read_bytes() + b"\0")
    with pytest.raises(UserError, match=r"tiny\.simulator\.onnx: is missing"):
        load(copy)
    simulator = simulator_path(copy)
    simulator.write_bytes(simulator_path(exported.files[0]).read_bytes())
    with pytest.raises(UserError, match="belongs to another tiny"):
        load(copy)
    simulator.write_bytes(b"no model")
    with pytest.raises(UserError, match="not a simulation"):
        load(copy)


@pytest.mark.slow
def test_the_same_inputs_give_the_same_file(parts: Path, photographs: Path, tmp_path: Path) -> None:
    config = EspdlConfig(image_dir=photographs, calib_steps=2, export_anchors_wh_scale_dir=tmp_path / "arrays")
    for name in ("a", "b"):
        prepared, spec = open_source(parts, config)
        export_espdl(prepared, spec, tmp_path / name / "m.espdl", config, lambda _: None)
    for suffix in (".espdl", ".info"):
        first, second = ((tmp_path / name / f"m{suffix}").read_bytes() for name in ("a", "b"))
        assert first == second
    assert sorted(file.name for file in (tmp_path / "arrays").iterdir()) == ["m_anchors.npy", "m_wh_scale.npy"]
    assert not list((tmp_path / "a").glob("*.npy"))


@pytest.mark.slow
def test_sixteen_bits_everywhere_with_tables_of_activations(
    exported: Exported, parts: Path, sure: Path, tmp_path: Path
) -> None:
    config = EspdlConfig(image_dir=sure, calib_steps=4, num_of_bits=16)
    prepared, spec = open_source(parts, config)
    # Refused by itself if the file on disk computed anything else than the graph in memory.
    export_espdl(prepared, spec, tmp_path / "m.espdl", config, lambda _: None)
    assert '"original_op_type": "Sigmoid"' in record_of(simulator_path(tmp_path / "m.espdl"))
    images = calibration_images(sorted((sure / "train").glob("*.png")), 4, (32, 32), spec.resize_mode, Report())
    expected = RawMapPredictor(FloatGraph(prepared.model).run, prepared.constants, spec.to_metadata()).infer(images)
    apart = [
        disagreement(expected, load(file).predictor.infer(images)) for file in (tmp_path / "m.espdl", exported.files[0])
    ]
    assert apart[0] < 0.5 * apart[1]


@pytest.mark.slow
def test_a_pruned_network_keeps_its_widths(photographs: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch_pruning", reason="pruning needs the extra prune")
    network = create_model("ultratinyod", cnn_width=16, **IOU_AWARE)
    randomise(network, np.random.default_rng(0))
    most = 0.6 * profile(network, (32, 32)).macs
    how = PruneConfig(macs=0.6, importance="magnitude", least_share=0.1)
    prune_channels(network, (32, 32), how, lambda narrower: profile(narrower, (32, 32)).macs <= most)
    meta = describe_model(network, img_size="32x32", resize_mode="opencv_inter_nearest", class_names=["person"])
    save_weights(tmp_path / "half.safetensors", network.state_dict(), meta)
    config = EspdlConfig(image_dir=photographs, calib_steps=2)
    prepared, spec = open_source(tmp_path / "half.safetensors", config)
    assert network.widths
    # Refused by itself if the file on disk computed anything else than the graph in memory.
    export_espdl(prepared, spec, tmp_path / "half.espdl", config, lambda _: None)
    found = load(tmp_path / "half.espdl").predictor.infer(IMAGES)
    floats = RawMapPredictor(FloatGraph(prepared.model).run, prepared.constants, spec.to_metadata()).infer(IMAGES)
    certainty = float(np.mean([scores.sum() for _, scores in floats]))  # all of it, where no box is where it was
    assert disagreement(floats, found) < 0.25 * certainty


def test_a_cut_graph_on_the_p4(prepared: Prepared) -> None:
    expected = FloatGraph(prepared.model).run(IMAGES)
    assert split_wide_convs(prepared.model, 256)
    wide = frozenset(node.name for node in prepared.model.graph.node if node.name.startswith("/backbone/sppf"))
    found = quantise(prepared.model, IMAGES, Quantisation("esp32p4"), wide)
    for name, entry in describe(found.graph).items():
        for tensor in [each for side in ("inputs", "outputs") for each in entry.get(side, []) if each]:
            assert tensor["rounding"] == "ROUND_HALF_EVEN"
            assert all(np.log2(scale) % 1 == 0 for scale in np.ravel(tensor["scale"]))
        if name in wide and name.endswith("/Conv"):
            assert entry["outputs"][0] is None or entry["outputs"][0]["bits"] == 16
    outputs = Simulation(found.graph).run(IMAGES)
    for name, values in expected.items():
        noise = float(np.square(outputs[name] - values).mean() / values.var())
        assert 0 < noise < 0.3, name


def record_of(simulator: Path) -> str:
    return {prop.key: prop.value for prop in onnx.load(str(simulator)).metadata_props}["espdl_simulation"]


def test_the_s3_rounds_half_up(exported: Exported) -> None:
    operations = json.loads(record_of(exported.files[3]))["operations"].values()
    tensors = [each for entry in operations for side in ("inputs", "outputs") for each in entry.get(side, []) if each]
    assert {tensor["rounding"] for tensor in tensors} == {"ROUND_HALF_UP"}


def test_a_model_that_esp_ppq_does_not_take() -> None:
    graph = helper.make_graph(
        [helper.make_node("Det", ["x"], ["y"], "/det")],
        "g",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 3, 4, 4])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1, 3])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    with pytest.raises(UserError, match=r"esp-ppq cannot quantise this model: .*Det"):
        quantise(prepare(model).model, IMAGES[..., :4, :4], Quantisation())


@pytest.mark.slow
def test_the_search_leaves_all_outputs_of_one_width(
    checkpoint: Path, sure: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = EspdlConfig(image_dir=sure, calib_steps=2, auto_int16=1, all_branches=True)
    prepared, spec = open_source(checkpoint, config)
    ends = {"/box_out/Conv", "/obj_out/Conv", "/quality_out/Conv", "/cls_out/Conv"}
    assert [output.name for output in prepared.model.graph.output] == ["box", "obj", "quality", "cls"]
    only = layer_units
    monkeypatch.setattr(
        import_module("uhd.export.espdl.export"),
        "layer_units",
        lambda graph: {name: nodes for name, nodes in only(graph).items() if name in ends},
    )
    done = export_espdl(prepared, spec, tmp_path / "m.espdl", config, lambda _: None)
    assert done.int16 == ends
    configs = json.loads((tmp_path / "m.json").read_text())["configs"]
    assert {list(configs[name].values())[-1]["bit_width"] for name in ends} == {16}
    assert load(tmp_path / "m.espdl").predictor.spec.input_size == (32, 32)


def test_other_programs_find_every_branch_under_the_original_preset() -> None:
    assert preset(EspdlConfig, "original").all_branches
    assert not preset(EspdlConfig, "uhd").all_branches


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_no_cuda_device(prepared: Prepared) -> None:
    with pytest.raises(UserError, match="there is no CUDA device"):
        quantise(prepared.model, IMAGES, Quantisation(device="cuda"))


@pytest.mark.parametrize("target", ["esp32s3", "esp32p4"])
def test_biases_make_up_for_rounded_weights(prepared: Prepared, target: str) -> None:
    plain, mended = (
        quantise(prepared.model, IMAGES, Quantisation(target, equalise=False, correct_biases=each))
        for each in (False, True)
    )
    assert plain.model == mended.model  # the float graph, which both are measured against
    changed = [
        name
        for name, layer in plain.graph.operations.items()
        if layer.type == "Conv"
        and not torch.equal(layer.parameters[1].value, mended.graph.operations[name].parameters[1].value)
    ]
    assert len(changed) > 10
    # The first layer reads the same pixels in both, so its mean has to be that of float.
    name = next(iter(layer.name for layer in plain.graph.operations.values() if layer.type == "Conv"))
    weights = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in plain.model.graph.initializer}
    node = next(node for node in plain.model.graph.node if node.name == name)
    layer = mended.graph.operations[name]
    exact, bias = (torch.from_numpy(weights[node.input[i]].copy()) for i in (1, 2))
    scale = layer.input_quant_config[1].scale.reshape(-1, *[1] * 3)
    rounded = torch.round(exact / scale) * scale
    how = {"padding": layer.attributes["pads"][0], "stride": layer.attributes["strides"][0]}
    images = torch.from_numpy(IMAGES)
    expected = torch.conv2d(images, exact, bias, **how).mean((0, 2, 3))
    found = torch.conv2d(images, rounded, layer.parameters[1].value, **how).mean((0, 2, 3))
    assert found == pytest.approx(expected, abs=1e-5)
    assert torch.conv2d(images, rounded, bias, **how).mean((0, 2, 3)) != pytest.approx(expected, abs=1e-5)

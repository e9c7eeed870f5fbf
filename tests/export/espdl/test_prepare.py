"""A graph is made ready without touching the source, or refused with what to do instead."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from uhd.errors import UserError
from uhd.export.espdl.float_graph import FloatGraph
from uhd.export.espdl.prepare import prepare
from uhd.export.onnx.export import export_onnx
from uhd.export.onnx_file import read_onnx
from uhd.models.predictor import spec_of
from uhd.models.weights import load_model

from .conftest import conv_model


def test_constants_are_put_aside_and_the_maps_stay(parts: Path) -> None:
    source = read_onnx(parts)
    before = source.SerializeToString()
    found = prepare(source)
    assert source.SerializeToString() == before
    assert [output.name for output in found.model.graph.output] == ["box", "quality", "cls"]
    assert found.constants["anchors"].shape == found.constants["wh_scale"].shape == (8, 2)
    assert not {"anchors", "wh_scale"} & {tensor.name for tensor in found.model.graph.initializer}
    assert found.metadata["resize_mode"] == "opencv_inter_nearest"
    assert found.input_shape == (1, 3, 32, 32)
    image = np.random.default_rng(0).random((1, 3, 32, 32), dtype=np.float32)
    theirs, ours = FloatGraph(source).run(image), FloatGraph(found.model).run(image)
    assert all(np.array_equal(ours[name], theirs[name]) for name in ours)


def test_outputs_and_inputs_that_nothing_is_connected_to_are_dropped() -> None:
    model = conv_model((4, 4, 1, 1))
    model.graph.output.append(helper.make_tensor_value_info("stray", TensorProto.FLOAT, [1]))
    model.graph.input.append(helper.make_tensor_value_info("loose", TensorProto.FLOAT, [1]))
    found = prepare(model)
    assert [output.name for output in found.model.graph.output] == ["y"]
    assert [entry.name for entry in found.model.graph.input] == ["x"]
    assert found.notes == ("unconnected output stray dropped", "unconnected input loose dropped")


@pytest.mark.parametrize(("shape", "group"), [((6, 1, 3, 3), 6), ((6, 2, 3, 3), 3), ((8, 3, 1, 1), 2)])
def test_expanded_groups_compute_the_same(shape: tuple[int, ...], group: int) -> None:
    model = conv_model(shape, size=6, group=group)
    found = prepare(model, expand_groups=True)
    weight = numpy_helper.to_array(next(t for t in found.model.graph.initializer if t.name == "w"))
    assert weight.shape == (shape[0], shape[1] * group, *shape[2:])
    assert not any(a.name == "group" and a.i > 1 for node in found.model.graph.node for a in node.attribute)
    assert "1 grouped convolutions made dense" in found.notes
    image = np.random.default_rng(0).integers(-9, 9, (1, shape[1] * group, 6, 6)).astype(np.float32)
    assert np.array_equal(FloatGraph(found.model).run(image)["y"], FloatGraph(model).run(image)["y"])


def test_a_depthwise_convolution_gets_the_name_that_patterns_look_for() -> None:
    model = conv_model((6, 1, 3, 3), group=6)
    model.graph.node[1].name = ""
    names = [node.name for node in prepare(model).model.graph.node]
    assert names == ["/depthwiseconv/wide/conv/Conv", "/Relu_1"]


@pytest.mark.parametrize("form", ["merged", "nms", "primitive", "yolov8", "end2end"])
def test_post_processing_inside_is_refused_with_the_way_out(form: str, checkpoint: Path, tmp_path: Path) -> None:
    model, meta = load_model(checkpoint)
    merged = export_onnx(model, tmp_path / "m.onnx", spec_of(meta), form, verify=False)
    with pytest.raises(UserError, match=r"m\.onnx: has its post-processing inside.*--noconcat-box-obj-quality-cls"):
        prepare(merged, "m.onnx")


def test_post_processing_inside_is_known_without_metadata_too(checkpoint: Path, tmp_path: Path) -> None:
    model, meta = load_model(checkpoint)
    merged = export_onnx(model, tmp_path / "m.onnx", spec_of(meta), verify=False)
    del merged.metadata_props[:]
    with pytest.raises(UserError, match="has its post-processing inside"):
        prepare(merged)


@pytest.mark.parametrize(
    ("shape", "message"),
    [([2, 4, 4, 4], "takes 2 images at once"), (["N", 4, 4, 4], "not fixed"), ([1, 4, "h", "w"], "not fixed")],
)
def test_shapes_that_the_chip_cannot_run(shape: list[int | str], message: str) -> None:
    model = conv_model((4, 4, 1, 1))
    model.graph.input[0].CopyFrom(helper.make_tensor_value_info("x", TensorProto.FLOAT, shape))
    with pytest.raises(UserError, match=message):
        prepare(model)


def test_two_inputs() -> None:
    model = conv_model((4, 4, 1, 1))
    model.graph.input.append(helper.make_tensor_value_info("x2", TensorProto.FLOAT, [1, 4, 4, 4]))
    model.graph.node.append(helper.make_node("Relu", ["x2"], ["z"], "/z"))
    with pytest.raises(UserError, match=r"2 inputs \(x, x2\)"):
        prepare(model)


def test_files_that_are_no_onnx(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no such model"):
        read_onnx(tmp_path / "missing.onnx")
    (tmp_path / "text.onnx").write_text("not a model")
    with pytest.raises(UserError, match="not an ONNX file"):
        read_onnx(tmp_path / "text.onnx")
    onnx.save(onnx.ModelProto(), str(tmp_path / "empty.onnx"))
    with pytest.raises(UserError, match="not an ONNX file"):
        read_onnx(tmp_path / "empty.onnx")

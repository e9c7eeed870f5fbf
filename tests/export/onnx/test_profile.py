"""Counts of an ONNX file, against closed forms and the torch profile."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from uhd.cli import main
from uhd.errors import UserError
from uhd.export.onnx.profile import profile_onnx, to_text
from uhd.model_file import model_file


def _conv(path: Path, free: bool = False) -> Path:
    weight = numpy_helper.from_array(np.zeros((8, 3, 3, 3), np.float32), "w")
    bias = numpy_helper.from_array(np.zeros(8, np.float32), "b")
    side = "side" if free else 10
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["x", "w", "b"], ["y"], "conv", kernel_shape=[3, 3]),
            helper.make_node("Relu", ["y"], ["z"], "relu"),
        ],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, side, side])],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, None)],
        [weight, bias],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), str(path))
    return path


def test_a_convolution_in_closed_form(tmp_path: Path) -> None:
    conv, relu = profile_onnx(_conv(tmp_path / "a.onnx"))
    assert conv.output == (1, 8, 8, 8)
    assert conv.params == 8 * 27 + 8
    assert conv.flops == 8 * 8 * 8 * (2 * 27 + 1)
    assert relu.flops == 8 * 8 * 8


def test_a_free_axis_takes_the_shape_given(tmp_path: Path) -> None:
    rows = profile_onnx(_conv(tmp_path / "a.onnx", free=True), (1, 3, 6, 12))
    assert rows[0].output == (1, 8, 4, 10)
    with pytest.raises(UserError, match="2 numbers"):
        profile_onnx(tmp_path / "a.onnx", (6, 12))


def test_the_model_in_the_package_has_the_work_of_its_network() -> None:
    rows = profile_onnx(model_file("small"))
    # 2 x 28.96 million multiply-adds of the whole network, without the objectness branch that the score does not need.
    assert 54e6 < sum(row.flops for row in rows) < 58.8e6
    assert "Conv" in to_text(rows)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"not onnx at all")
    with pytest.raises(UserError, match=r"bad\.onnx"):
        profile_onnx(tmp_path / "bad.onnx")


def test_activations_are_freed_after_their_last_use(tmp_path: Path) -> None:
    """x -> a -> b, and x + b: x is needed to the end, a not after b."""
    nodes = [
        helper.make_node("Relu", ["x"], ["a"], "first"), helper.make_node("Relu", ["a"], ["b"], "second"),
        helper.make_node("Add", ["x", "b"], ["c"], "sum"),
        helper.make_node("Concat", ["c", "c"], ["y"], "join", axis=0),
    ]  # fmt: skip
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [size]) for name, size in (("x", 10), ("y", 20))]
    onnx.save(helper.make_model(helper.make_graph(nodes, "g", ends[:1], ends[1:])), str(tmp_path / "a.onnx"))
    rows = profile_onnx(tmp_path / "a.onnx")
    assert [row.live for row in rows] == [80, 120, 120, 120]
    assert [row.macs for row in rows] == [0] * 4


def test_every_layer_is_timed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(model_file("small")), "--time", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    timed = [row for row in rows if row["op"] == "Conv" and row["milliseconds"]]
    assert len(timed) > 0.9 * sum(row["op"] == "Conv" for row in rows)
    assert main(["info", str(model_file("small"))]) == 0
    text = capsys.readouterr().out
    for said in ("opset              1", "operators", "multiply-adds", "activation memory"):
        assert said in text
    assert main(["info", "--cnn-width", "4", "--time", "--json"]) == 0
    layers = json.loads(capsys.readouterr().out)["layers"]
    assert all(layer["milliseconds"] > 0 for layer in layers)

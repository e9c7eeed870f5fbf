"""Channels of a graph that can only be scaled together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from uhd.export.espdl.channels import Channels, _together, find_channels
from uhd.export.espdl.equalise import equalise
from uhd.export.espdl.float_graph import FloatGraph

Array = NDArray[np.float32]
Nodes = Sequence[onnx.NodeProto]
IMAGES = np.random.default_rng(0).random((6, 3, 8, 8), dtype=np.float32)


def conv(name: str, read: str, put_out: str, groups: int = 1) -> onnx.NodeProto:
    return helper.make_node("Conv", [read, f"{name}.w", f"{name}.b"], [put_out], name, group=groups)


def network(nodes: Nodes, put_out: Sequence[str], shapes: dict[str, Sequence[int]]) -> onnx.ModelProto:
    """A graph whose convolutions have random weights of these shapes."""
    rng = np.random.default_rng(3)
    values: dict[str, Any] = {"zero": np.zeros(()), "six": np.asarray(6.0), "half": np.full((1, 4, 1, 1), 0.5)}
    for name, shape in shapes.items():
        values |= {f"{name}.w": rng.normal(size=shape), f"{name}.b": rng.normal(size=shape[0])}
    graph = helper.make_graph(
        list(nodes),
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8])],
        [helper.make_empty_tensor_value_info(name) for name in put_out],
        [numpy_helper.from_array(np.asarray(value, np.float32), name) for name, value in values.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def found_in(model: onnx.ModelProto) -> Channels:
    return find_channels(model.graph, {each.name: numpy_helper.to_array(each) for each in model.graph.initializer})


def residual() -> onnx.ModelProto:
    """A stream that two blocks add to and two layers read: ``a`` + ``narrow``, whose block widens it in between."""
    nodes = [
        conv("first", "x", "a"),
        conv("widen", "a", "b"),
        helper.make_node("Clip", ["b", "zero", "six"], ["c"], "clip"),
        conv("narrow", "c", "d"),
        helper.make_node("Add", ["a", "d"], ["e"], "add"),
        conv("left", "e", "l"),
        conv("right", "e", "r"),
    ]
    shapes = {"first": (4, 3, 1, 1), "widen": (8, 4, 1, 1), "narrow": (4, 8, 1, 1)}
    return network(nodes, ["l", "r"], shapes | {"left": (2, 4, 1, 1), "right": (3, 4, 1, 1)})


def test_a_stream_is_scaled_as_one() -> None:
    channels = found_in(residual())
    assert np.array_equal(channels.of["a"], channels.of["d"])
    assert np.array_equal(channels.of["a"], channels.of["e"])
    assert not set(channels.of["a"]) & set(channels.of["c"])
    assert [each.node.name for each in channels.readers] == ["widen", "narrow", "left", "right"]
    assert [(clip.name, end) for clip, end in channels.clips] == [("clip", 6.0)]
    assert not channels.still[channels.of["a"]].any()
    assert channels.still[channels.of["l"]].all()  # what the graph puts out
    stream, wide = channels.of["a"], channels.of["c"]
    assert [sorted(layer) for layer in channels.layers()[:2]] == [sorted(stream), sorted(wide)]


@pytest.mark.parametrize(
    ("nodes", "together"),
    [
        ([helper.make_node("Concat", ["a", "b"], ["m"], axis=1)], [("m", ("a", "b"))]),
        ([helper.make_node("MaxPool", ["a"], ["m"], kernel_shape=[3, 3], pads=[1] * 4)], [("m", ("a",))]),
        ([helper.make_node("LeakyRelu", ["a"], ["m"])], [("m", ("a",))]),
        ([helper.make_node("ReduceMean", ["a"], ["m"], axes=[2, -1])], [("m", ("a",))]),
        (
            [helper.make_node("Sigmoid", ["b"], ["g"]), helper.make_node("Mul", ["g", "a"], ["m"])],
            [("m", ("a",))],
        ),
    ],
    ids=["concat", "pool", "leaky", "mean", "gate"],
)
def test_what_passes_channels_on(nodes: Nodes, together: list[tuple[str, tuple[str, ...]]]) -> None:
    model = passing(nodes)
    channels = found_in(model)
    for put_out, names in together:
        parts = np.concatenate([channels.of[name] for name in names])
        assert np.array_equal(channels.of[put_out], parts)
        assert not channels.still[parts].any()
    assert_same(model, IMAGES)


@pytest.mark.parametrize(
    "node",
    [
        helper.make_node("Sigmoid", ["a"], ["m"]),
        helper.make_node("Add", ["a", "half"], ["m"]),
        helper.make_node("Mul", ["a", "half"], ["m"]),
        helper.make_node("Mul", ["a", "b"], ["m"]),
        helper.make_node("Clip", ["a", "", "six"], ["m"]),
        helper.make_node("Concat", ["a", "b"], ["m"], axis=2),
        helper.make_node("ReduceMean", ["a"], ["m"], axes=[1]),
        helper.make_node("Conv", ["a", "grouped.w", "grouped.b"], ["m"], "grouped", group=2),
    ],
    ids=["sigmoid", "add", "scale", "product", "clip", "rows", "over channels", "groups"],
)
def test_what_else_reads_channels_keeps_them_still(node: onnx.NodeProto) -> None:
    model = passing([node])
    channels = found_in(model)
    assert channels.still[channels.of["a"]].all()
    assert "m" not in channels.of or node.op_type == "Conv"
    assert_same(model, IMAGES)


def passing(nodes: Nodes) -> onnx.ModelProto:
    """Convolutions that make ``a`` and ``b``, of four channels each, and one that reads ``m``."""
    read = {"Concat": 8, "ReduceMean": 4}.get(nodes[-1].op_type, 4)
    for attribute in nodes[-1].attribute:
        if attribute.name == "axis" and attribute.i == 2:
            read = 4
        if attribute.name == "axes" and list(attribute.ints) == [1]:
            read = 1
    shapes = {"one": (4, 3, 1, 1), "two": (4, 3, 1, 1), "grouped": (4, 2, 1, 1), "last": (2, read, 1, 1)}
    whole = [conv("one", "x", "a"), conv("two", "x", "b"), *nodes, conv("last", "m", "y")]
    return network(whole, ["y"], shapes)


def test_one_channel_may_be_the_gate_itself() -> None:
    nodes = [
        conv("one", "x", "a"),
        conv("two", "x", "b"),
        helper.make_node("Sigmoid", ["a"], ["s"]),
        helper.make_node("Mul", ["b", "s"], ["m"]),
        conv("last", "m", "y"),
    ]
    model = network(nodes, ["y"], {"one": (4, 3, 1, 1), "two": (1, 3, 1, 1), "last": (2, 4, 1, 1)})
    channels = found_in(model)
    assert channels.still[channels.of["b"]].all()
    assert "m" not in channels.of
    assert_same(model, IMAGES)


def test_a_streams_channels_become_alike() -> None:
    """Whatever they were scaled by before, the graph and its equalised form compute the same."""
    model = residual()
    size = np.geomspace(0.05, 5, 4).astype(np.float32)
    values = {tensor.name: tensor for tensor in model.graph.initializer}
    for name, shape in (("first", (-1, 1, 1, 1)), ("narrow", (-1, 1, 1, 1)), ("left", (1, -1, 1, 1))):
        scale = size if shape[0] == -1 else 1 / size
        for part, factor in ((".w", scale.reshape(shape)), (".b", scale)):
            if shape[0] == -1 or part == ".w":
                value = numpy_helper.to_array(values[name + part]) * factor
                values[name + part].CopyFrom(numpy_helper.from_array(value, name + part))
    scaled = equalise(model, IMAGES)
    assert_same(model, IMAGES)
    assert spread(scaled, "first") < spread(model, "first") / 4
    assert spread(scaled, "narrow") < spread(model, "narrow") / 4


def spread(model: onnx.ModelProto, node: str) -> float:
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    weights = values[next(each for each in model.graph.node if each.name == node).input[1]]
    most = np.abs(weights).max((1, 2, 3))
    return float(most.max() / most.min())


def assert_same(model: onnx.ModelProto, images: Array) -> None:
    before = FloatGraph(model).run(images)
    after = FloatGraph(equalise(model, images)).run(images)
    for name, expected in before.items():
        assert after[name] == pytest.approx(expected, rel=1e-4, abs=1e-4)


@given(st.integers(1, 12), st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=14))
def test_numbers_are_linked_as_in_a_graph(count: int, links: list[tuple[int, int]]) -> None:
    links = [(a % count, b % count) for a, b in links]
    left, right = np.array(links or [(0, 0)]).T
    edges = coo_array((np.ones(len(left)), (left, right)), shape=(count, count))
    expected = connected_components(edges, directed=False)[1]
    found = _together(count, links)
    assert [[a == b for b in found] for a in found] == [[a == b for b in expected] for a in expected]
    assert all(found[i] == min(np.flatnonzero(expected == expected[i])) for i in range(count))

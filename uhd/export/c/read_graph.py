"""From an exported ONNX graph to the layer list: one pass over its nodes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from uhd.errors import UserError
from uhd.export.c.fold import Constant, fold
from uhd.export.c.network import (
    RELU,
    Activation,
    Add,
    Conv,
    Copy,
    Gate,
    Layer,
    Mean,
    Network,
    Pool,
    Resize,
    Shape,
)  # fmt: skip

# The channels of a tensor that was only rearranged: an array of (tensor number, channel) pairs as one number each.
_TENSOR = 1 << 20


def read_graph(graph: onnx.ModelProto, maps: list[str]) -> Network:
    """Return the layers of a graph.

    Args:
        graph: with static shapes, one image input, batch-norm folded.
        maps: names of the outputs wanted, each [1, C, h, w].

    Raises:
        UserError: an operator, or a use of one, that the C writer does not know.
    """
    return _Reader(graph).read(maps)


class _Reader:
    def __init__(self, graph: onnx.ModelProto) -> None:
        graph = onnx.shape_inference.infer_shapes(graph)
        self.graph = graph.graph
        values = [*self.graph.input, *self.graph.value_info, *self.graph.output]
        self.dims = {v.name: tuple(d.dim_value for d in v.type.tensor_type.shape.dim) for v in values}
        self.constants: dict[str, Constant] = {t.name: numpy_helper.to_array(t) for t in self.graph.initializer}
        self.shapes: dict[str, Shape] = {}
        self.layers: list[Layer] = []
        self.concats: dict[str, list[str]] = {}
        self.moved: dict[str, Constant] = {}
        self.numbers: list[str] = []
        self.sigmoids: dict[str, str] = {}

    def read(self, maps: list[str]) -> Network:
        image = self.graph.input[0].name
        self._shape(image)
        wanted = self._reachable(maps)
        for node in self.graph.node:
            if wanted & set(node.output):
                self._node(node)
        outputs = {}
        for name in maps:
            codes = self._channels(name)
            if codes.ndim != 4:
                raise UserError(f"the output {name} is not a map; this network cannot be written as C")
            outputs[name] = [(self.numbers[code // _TENSOR], int(code % _TENSOR)) for code in codes[0, :, 0, 0]]
        network = Network(image, self.shapes, self.layers, outputs)
        self._place_concats(network)
        return network

    def _reachable(self, maps: list[str]) -> set[str]:
        wanted = set(maps)
        for node in reversed(self.graph.node):
            if wanted & set(node.output):
                wanted |= set(node.input)
        return wanted

    def _node(self, node: onnx.NodeProto) -> None:
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        kind, output = node.op_type, node.output[0]
        if all(name in self.constants or not name for name in node.input):
            self.constants[output] = fold(node, attributes, self.constants)
            return
        handler = _HANDLERS.get(kind)
        if handler is None:
            raise UserError(f"{node.name or output}: operator {kind} cannot be written as C")
        handler(self, node, attributes)

    # Tensors

    def _shape(self, name: str) -> Shape:
        dims = self.dims.get(name, ())
        if len(dims) != 4 or dims[0] != 1 or 0 in dims:
            raise UserError(f"{name}: shape {list(dims)} is not one map of known size; it cannot be written as C")
        self.shapes[name] = (dims[2], dims[3], dims[1])
        return self.shapes[name]

    def _add(self, layer: Layer) -> None:
        self._shape(layer.output)
        for name in layer.inputs:
            if name not in self.shapes:
                raise UserError(f"{layer.output}: reads rearranged channels; this network cannot be written as C")
        self.layers.append(layer)

    def _channels(self, name: str) -> Constant:
        """Return the codes of a tensor's values: at each place of [1, ..., h, w] its tensor and channel."""
        if name in self.moved:
            return self.moved[name]
        h, w, c = self.shapes[name]
        if name not in self.numbers:
            self.numbers.append(name)
        codes = self.numbers.index(name) * _TENSOR + np.arange(c)
        return np.broadcast_to(codes[None, :, None, None], (1, c, h, w))

    def _rearranged(self, output: str, codes: Constant) -> None:
        if codes.ndim < 4 or (codes != codes[..., :1, :1]).any():
            raise UserError(f"{output}: moves values between pixels; this network cannot be written as C")
        self.moved[output] = codes

    def _rearrange(self, node: onnx.NodeProto, attributes: dict[str, Any]) -> None:
        codes = self._channels(node.input[0])
        if node.op_type == "Reshape":
            codes = codes.reshape(
                [codes.shape[i] if n == 0 else n for i, n in enumerate(self.constants[node.input[1]])]
            )
        elif node.op_type == "Transpose":
            codes = codes.transpose(attributes["perm"])
        elif node.op_type == "Identity":
            pass
        else:
            axes = sorted(int(axis) for axis in self.constants[node.input[1]])
            codes = np.expand_dims(codes, axes) if node.op_type == "Unsqueeze" else np.squeeze(codes, tuple(axes))
        self._rearranged(node.output[0], codes)

    def _gather(self, node: onnx.NodeProto, attributes: dict[str, Any]) -> None:
        if node.input[1] not in self.constants:
            raise UserError(f"{node.name}: a choice of channels that is not constant cannot be written as C")
        codes = self._channels(node.input[0])
        self._rearranged(node.output[0], np.take(codes, self.constants[node.input[1]], attributes.get("axis", 0)))

    def _average(self, node: onnx.NodeProto, attributes: dict[str, Any]) -> None:
        """Turn average-pooling into a depthwise convolution."""
        kernel = _pair(attributes["kernel_shape"])
        auto = attributes.get("auto_pad", b"NOTSET") != b"NOTSET"
        if attributes.get("ceil_mode") or any(attributes.get("pads", [])) or auto:
            raise UserError(f"{node.name}: average-pooling beyond the edge cannot be written as C")
        channels = self.dims[node.input[0]][1]
        weight = np.full((channels, 1, *kernel), 1 / (kernel[0] * kernel[1]), np.float32)
        bias, stride = np.zeros(channels, np.float32), _pair(attributes.get("strides"))
        self._add(Conv([node.input[0]], node.output[0], weight=weight, bias=bias, stride=stride, depthwise=True))

    def _concat(self, node: onnx.NodeProto, attributes: dict[str, Any]) -> None:
        output = node.output[0]
        if all(name in self.shapes for name in node.input) and attributes["axis"] in (1, -3):
            self._shape(output)
            self.concats[output] = list(node.input)
        else:
            parts = [self._channels(name) for name in node.input]
            self._rearranged(output, np.concatenate(parts, attributes["axis"]))

    def _place_concats(self, network: Network) -> None:
        """Let the inputs of a concatenation be written where its output lies; copy those that cannot."""
        for output, parts in self.concats.items():
            offset = 0
            for name in parts:
                channels = network.shapes[name][2]
                if name in network.slices or name == network.input:
                    copied = f"{name}/copy/{output}"
                    network.shapes[copied] = network.shapes[name]
                    made = network.producer(name)
                    place = network.layers.index(made) + 1 if made is not None else 0
                    network.layers.insert(place, Copy([name], copied))
                    name = copied
                network.slices[name] = (output, offset)
                offset += channels

    # Layers

    def _conv(self, node: onnx.NodeProto, attributes: dict[str, Any]) -> None:
        if node.input[1] not in self.constants or attributes.get("auto_pad", b"NOTSET") != b"NOTSET":
            raise UserError(f"{node.name}: a convolution of this kind cannot be written as C")
        weight = np.asarray(self.constants[node.input[1]], np.float32)
        if weight.ndim != 4:
            raise UserError(f"{node.name}: only convolutions over height and width can be written as C")
        bias = self.constants[node.input[2]] if len(node.input) > 2 else np.zeros(len(weight))
        groups = attributes.get("group", 1)
        channels = self.dims[node.input[0]][1]
        depthwise = groups > 1 and weight.shape[1] == 1 and groups == channels == len(weight)
        if groups > 1 and not depthwise:
            raise UserError(f"{node.name}: a convolution in {groups} groups cannot be written as C")
        top, left, bottom, right = attributes.get("pads", [0, 0, 0, 0])
        self._add(
            Conv(
                [node.input[0]], node.output[0], weight=weight, bias=np.asarray(bias, np.float32),
                stride=_pair(attributes.get("strides")), pads=(top, left, bottom, right),
                dilation=_pair(attributes.get("dilations")), depthwise=depthwise,
            )
        )  # fmt: skip

    def _pool(self, node: onnx.NodeProto, attributes: dict[str, Any]) -> None:
        if attributes.get("ceil_mode") or _pair(attributes.get("dilations")) != (1, 1):
            raise UserError(f"{node.name}: max-pooling of this kind cannot be written as C")
        top, left, bottom, right = attributes.get("pads", [0, 0, 0, 0])
        self._add(
            Pool(
                [node.input[0]], node.output[0], kernel=_pair(attributes["kernel_shape"]),
                stride=_pair(attributes.get("strides")), pads=(top, left, bottom, right),
            )
        )  # fmt: skip

    def _activate(self, node: onnx.NodeProto, _: dict[str, Any]) -> None:
        activation = RELU
        if node.op_type == "Sigmoid":
            self.sigmoids[node.output[0]] = node.input[0]
            activation = Activation("sigmoid")
        elif node.op_type == "Clip":
            limits = [float(self.constants[name]) if name else None for name in node.input[1:]]
            low, high = (*limits, None, None)[:2]
            activation = Activation(low=-np.inf if low is None else low, high=np.inf if high is None else high)
        self._add(Copy([node.input[0]], node.output[0], activation))

    def _mul(self, node: onnx.NodeProto, _: dict[str, Any]) -> None:
        if self._constant_operand(node):
            return
        first, second = node.input
        for x, s in ((first, second), (second, first)):
            if self.sigmoids.get(s) == x:
                self._add(Copy([x], node.output[0], Activation("silu")))
                return
        if self.shapes.get(first, (0, 0))[:2] == (1, 1):
            first, second = second, first
        if self.shapes.get(second, (0, 0))[:2] != (1, 1):
            raise UserError(f"{node.name}: a product of two maps cannot be written as C")
        self._add(Gate([first, second], node.output[0]))

    def _sum(self, node: onnx.NodeProto, _: dict[str, Any]) -> None:
        if self._constant_operand(node):
            return
        if self.dims[node.input[0]] != self.dims[node.input[1]]:
            raise UserError(f"{node.name}: a sum of maps of different sizes cannot be written as C")
        self._add(Add(list(node.input), node.output[0]))

    def _constant_operand(self, node: onnx.NodeProto) -> bool:
        """Turn a product or sum with one constant for each channel into a depthwise 1 x 1 convolution."""
        for x, name in (tuple(node.input), tuple(reversed(node.input))):
            if name not in self.constants:
                continue
            channels = self._shape(node.output[0])[2]
            value = np.asarray(self.constants[name], np.float32)
            if value.size not in (1, channels) or (value.size > 1 and value.shape[-3:-2] != (channels,)):
                raise UserError(f"{node.name}: a constant of shape {value.shape} cannot be written as C")
            each, ones = np.broadcast_to(value.reshape(-1), channels).copy(), np.ones(channels, np.float32)
            scale, shift = (each, ones * 0) if node.op_type == "Mul" else (ones, each)
            weight = scale.reshape(-1, 1, 1, 1)
            self._add(Conv([x], node.output[0], weight=weight, bias=shift, depthwise=True))
            return True
        return False

    def _mean(self, node: onnx.NodeProto, attributes: dict[str, Any]) -> None:
        if node.op_type == "ReduceMean":
            axes = attributes.get("axes")
            if axes is None and len(node.input) > 1:
                axes = self.constants[node.input[1]].tolist()
            if sorted(axis % 4 for axis in axes or []) != [2, 3] or not attributes.get("keepdims", 1):
                raise UserError(f"{node.name}: only a mean over height and width can be written as C")
        self._add(Mean([node.input[0]], node.output[0]))

    def _resize(self, node: onnx.NodeProto, attributes: dict[str, Any]) -> None:
        plain = (
            attributes.get("mode") == b"nearest"
            and attributes.get("coordinate_transformation_mode") == b"asymmetric"
            and attributes.get("nearest_mode") == b"floor"
        )
        if not plain:
            raise UserError(f"{node.name}: only nearest resizing by floor can be written as C")
        self._add(Resize([node.input[0]], node.output[0]))


def _pair(values: Any) -> tuple[int, int]:
    first, second = values or (1, 1)
    return int(first), int(second)


_HANDLERS: dict[str, Callable[[_Reader, onnx.NodeProto, dict[str, Any]], None]] = {
    "Conv": _Reader._conv,
    "MaxPool": _Reader._pool,
    "AveragePool": _Reader._average,
    "Gather": _Reader._gather,
    "Relu": _Reader._activate,
    "Sigmoid": _Reader._activate,
    "Clip": _Reader._activate,
    "Mul": _Reader._mul,
    "Add": _Reader._sum,
    "Concat": _Reader._concat,
    "ReduceMean": _Reader._mean,
    "GlobalAveragePool": _Reader._mean,
    "Resize": _Reader._resize,
    "Reshape": _Reader._rearrange,
    "Unsqueeze": _Reader._rearrange,
    "Squeeze": _Reader._rearrange,
    "Transpose": _Reader._rearrange,
    "Identity": _Reader._rearrange,
}

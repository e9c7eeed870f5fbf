"""The Keras network gives the torch network's numbers, for every option, on weights that are far from fresh."""

from __future__ import annotations

import inspect
import re
import sys
import zipfile
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("keras", reason="keras is not installed: pip install '.[keras]'")
import keras

import uhd
from uhd.assigners.targets import Targets
from uhd.card import ModelCard
from uhd.config import from_plain, to_plain
from uhd.errors import UserError
from uhd.keras_detector.anchor_table import AnchorTable
from uhd.keras_detector.convert import assign_state_dict, state_dict_of
from uhd.keras_detector.files import open_keras_model, save_keras_model
from uhd.keras_detector.loss.fit import DetectionLoss
from uhd.keras_detector.model import create_keras_model
from uhd.losses import build_objective
from uhd.losses.config import LossConfig
from uhd.models.ultratinyod.config import UltraTinyODConfig
from uhd.models.ultratinyod.network import UltraTinyOD
from uhd.models.weights import read_weights

SMALL = UltraTinyODConfig(cnn_width=8, num_anchors=3)
PLAIN = replace(
    SMALL, use_improved_head=False, use_iou_aware_head=False, utod_residual=False, utod_head_ese=False,
    utod_large_obj_branch=False,
)  # fmt: skip
CONFIGURATIONS = {
    "the recipe": (SMALL, (64, 64)),
    "plain": (PLAIN, (64, 64)),
    "without batch-norm, swish": (replace(PLAIN, use_batchnorm=False, activation="swish"), (64, 64)),
    "quality without towers, two classes": (replace(SMALL, use_iou_aware_head=False, num_classes=2), (64, 64)),
    "receptive field, sppf bn": (replace(SMALL, utod_context_rfb=True, utod_sppf_scale="bn"), (64, 64)),
    "standard convolutions, sppf conv": (replace(SMALL, utod_conv="std", utod_sppf_scale="conv"), (64, 64)),
    "stride 4, luma, no class": (replace(SMALL, output_stride=4, in_channels=1, disable_cls=True), (32, 64)),
    "stride 16, odd grid, yuv": (replace(SMALL, output_stride=16, in_channels=2), (48, 80)),
    "odd grid, narrow classes": (replace(SMALL, cls_bottleneck_ratio=0.25, num_classes=3), (72, 40)),
}


def used(config: UltraTinyODConfig) -> UltraTinyOD:
    """A torch network whose every tensor is random, as after training."""
    network = UltraTinyOD(config).eval()
    generator = torch.Generator().manual_seed(0)
    for name, tensor in network.state_dict().items():
        if name.endswith("running_var"):
            tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.5)
        elif tensor.is_floating_point() and not name.endswith("anchors"):
            tensor.add_(torch.randn(tensor.shape, generator=generator) * 0.05)
    return network


def state_of(network: torch.nn.Module) -> dict[str, np.ndarray]:
    return {name: tensor.detach().numpy() for name, tensor in network.state_dict().items()}


def trained(config: UltraTinyODConfig, size: tuple[int, int]) -> UltraTinyOD:
    """A torch network after some steps of the recipe's objective, on noise and three people."""
    torch.manual_seed(0)
    network = UltraTinyOD(config)
    objective, optimiser = build_objective(network, LossConfig()), torch.optim.AdamW(network.parameters(), 3e-3)
    boxes = torch.tensor([[[0.1, 0.2, 0.3, 0.7], [0.5, 0.1, 0.9, 0.9]], [[0.4, 0.4, 0.5, 0.6], [0.0, 0.0, 0.0, 0.0]]])
    targets = Targets(boxes, torch.tensor([[0, 0], [0, -1]]), torch.zeros(2, 0, 4))
    for _ in range(20):
        loss, _ = objective(network(torch.rand(2, config.in_channels, *size)), targets)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return network.eval()


def assert_twins(network: UltraTinyOD, size: tuple[int, int]) -> None:
    """The Keras model with a network's weights puts out its raw map, and gives the weights back to the bit."""
    model, config = create_keras_model(network.config, size), network.config
    assign_state_dict(model, state_of(network))
    images = np.random.default_rng(0).random((2, *size, config.in_channels), np.float32)
    with torch.inference_mode():
        expected = network(torch.from_numpy(images.transpose(0, 3, 1, 2))).numpy()
    found = keras.ops.convert_to_numpy(model(images, training=False)).transpose(0, 3, 1, 2)
    # Sums of thousands of products round by their own size.
    assert np.abs(found - expected).max() <= 1e-5 * max(1.0, float(np.abs(expected).max()))
    back = state_dict_of(model)
    assert back.keys() == state_of(network).keys()
    for name, tensor in state_of(network).items():
        if not name.endswith("num_batches_tracked"):
            assert np.array_equal(back[name], tensor), name


@pytest.mark.parametrize(("config", "size"), CONFIGURATIONS.values(), ids=CONFIGURATIONS)
def test_forward_and_weights(config: UltraTinyODConfig, size: tuple[int, int]) -> None:
    assert_twins(used(config), size)


@pytest.mark.slow
@pytest.mark.parametrize(("config", "size"), CONFIGURATIONS.values(), ids=CONFIGURATIONS)
def test_forward_and_weights_after_training(config: UltraTinyODConfig, size: tuple[int, int]) -> None:
    assert_twins(trained(config, size), size)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ultratinyod_w32_64x64", "zoo/ultratinyod_w16_rgb"])
def test_forward_of_weights_that_come_with_the_package(name: str) -> None:
    state, meta = read_weights(Path(uhd.__file__).parent / f"weights/{name}.safetensors")
    network = UltraTinyOD(from_plain(UltraTinyODConfig, meta["model_config"], name)).eval()
    network.load_state_dict(state)
    assert_twins(network, (64, 64))


def weights_of(model: keras.Model) -> dict[str, np.ndarray]:
    return {each.path: keras.ops.convert_to_numpy(each) for each in model.weights}


def test_a_file_opens_without_custom_objects_and_is_equal_to_the_bit(tmp_path: Path) -> None:
    model = create_keras_model(SMALL)
    assign_state_dict(model, state_of(used(SMALL)))
    model.compile("sgd", DetectionLoss(model, LossConfig()))  # whose loss is not Keras' own
    save_keras_model(model, tmp_path / "a.keras", SMALL, ModelCard((64, 64), class_names=("someone",)))
    with zipfile.ZipFile(tmp_path / "a.keras") as file:
        named = set(re.findall(r'"(?:module|registered_name)": "([^"]+)"', file.read("config.json").decode()))
    assert {"keras", "keras.layers"} <= named
    assert all(each.split(".")[0] in ("keras", "Functional", "builtins") for each in named), named

    native, again = keras.saving.load_model(tmp_path / "a.keras"), open_keras_model(tmp_path / "a.keras")
    before, of_keras, after = (weights_of(each) for each in (model, native, again[0]))
    assert before.keys() - of_keras.keys() == {"head/anchors", "head/wh_scale"}
    assert before.keys() == after.keys()
    for found in (of_keras, after):
        assert all(np.array_equal(before[name], values) for name, values in found.items())
    assert again[1:] == (SMALL, ModelCard((64, 64), class_names=("someone",)))
    images = np.random.default_rng(1).random((1, 64, 64, 3), np.float32)
    outputs = [keras.ops.convert_to_numpy(each(images, training=False)) for each in (model, native, again[0])]
    assert np.array_equal(outputs[0], outputs[1])
    assert np.array_equal(outputs[0], outputs[2])


def test_a_file_whose_graph_holds_the_anchors_opens(tmp_path: Path) -> None:
    model = create_keras_model(SMALL)
    assign_state_dict(model, state_of(used(SMALL)))
    told = {"model_config": to_plain(SMALL), "card": ModelCard((64, 64)).to_metadata()}
    table = AnchorTable(SMALL.anchor_sizes, SMALL.use_improved_head, told, name="head")
    old = keras.Model(model.inputs, table(model.outputs[0]))  # as files were before
    assign_state_dict(old, state_dict_of(model))
    old.save(tmp_path / "old.keras")
    again, config, _ = open_keras_model(tmp_path / "old.keras")
    assert config == SMALL
    expected = state_dict_of(model)
    assert all(np.array_equal(expected[name], values) for name, values in state_dict_of(again).items())


def test_a_file_that_keras_saved_alone_is_refused_with_the_way_out(tmp_path: Path) -> None:
    create_keras_model(SMALL).save(tmp_path / "a.keras")
    with pytest.raises(UserError, match="save_keras_model keeps anchors and card"):
        open_keras_model(tmp_path / "a.keras")


def test_a_fresh_model_starts_like_the_torch_one() -> None:
    keras.utils.set_random_seed(0)
    model, network = create_keras_model(replace(SMALL, cnn_width=32)), UltraTinyOD(replace(SMALL, cnn_width=32))
    fresh = state_dict_of(model)
    for name, tensor in network.state_dict().items():
        if name.endswith("conv.weight") and tensor.numel() > 2000:
            assert fresh[name].std() == pytest.approx(float(tensor.std()), rel=0.15), name
    assert fresh["head.obj_out.bias"] == pytest.approx(network.head.obj_out.bias.detach().numpy())


def test_names() -> None:
    model = create_keras_model(SMALL)
    assert model.inputs[0].name == "input_1"
    assert set(state_dict_of(model)) == set(UltraTinyOD(SMALL).state_dict())


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"utod_quant_arch": 3}, "--utod-quant-arch 3: .* --framework torch"),
        ({"utod_backbone": "efficientnet_lite0"}, "--utod-backbone efficientnet_lite0: .* --framework torch"),
        ({"head": "anchor_free"}, "--head anchor_free: .* --framework torch"),
        ({"num_attributes": 2}, "--multi-label-mode: .* --framework torch"),
    ],
)
def test_what_keras_has_not(change: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError, match=told):
        create_keras_model(replace(SMALL, **change))
    with pytest.raises(UserError, match="multiples of the output stride"):
        create_keras_model(SMALL, (60, 64))


def test_every_option_is_built_or_refused() -> None:
    """An option that is new in torch is not silently left out of the Keras model."""
    source = inspect.getsource(sys.modules[create_keras_model.__module__])
    named = set(re.findall(r"config\.(\w+)", source))
    for name in ("anchor_sizes", "class_channels", "has_quality", "stride"):
        named |= set(re.findall(r"self\.(\w+)", inspect.getsource(getattr(UltraTinyODConfig, name).fget)))
    elsewhere = {"quality_power", "score_mode", "reg_max"}  # read by the decode; of the heads that are refused
    assert {field.name for field in fields(UltraTinyODConfig)} - named == elsewhere


def test_foreign_weights_leave_the_model_as_it_was() -> None:
    model = create_keras_model(SMALL)
    before = state_dict_of(model)
    for state in (
        state_of(UltraTinyOD(replace(SMALL, cnn_width=16))),
        state_of(UltraTinyOD(PLAIN)),
        {**state_of(UltraTinyOD(SMALL)), "head.more.weight": np.zeros(1, np.float32)},
    ):
        with pytest.raises(UserError, match="another configuration"):
            assign_state_dict(model, state)
    assert all(np.array_equal(before[name], value) for name, value in state_dict_of(model).items())

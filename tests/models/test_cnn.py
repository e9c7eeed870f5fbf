"""The cnn networks: the original's names, counts and outputs; what they predict; what they refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.models.closed_form import closed_form_weights
from uhd.card import ModelSpec
from uhd.errors import UserError
from uhd.heads import decode
from uhd.models import create_model
from uhd.models.cnn import AnchorCNN, CenterNetCNN, CNNConfig, build_cnn
from uhd.models.network import DetectorNetwork
from uhd.models.predictor import TorchPredictor
from uhd.models.profile import profile

torch.set_num_threads(1)
GOLDEN = Path(__file__).parent.parent / "golden"
CASES: dict[str, Any] = json.loads((GOLDEN / "cnn.json").read_text())
OUTPUTS = np.load(GOLDEN / "cnn.npz")
UNUSED = "backbone.skip_proj.3."  # the original creates it and never uses it
RESNET, SHUFFLENET = {"backbone": "ultratinyresnet"}, {"backbone": "enhanced-shufflenet"}
EIGHT = {"use_anchor": True, "num_anchors": 8}
COUNTS: list[tuple[int, dict[str, Any]]] = [
    (1_845, {"cnn_width": 16}),
    (5_221, {"cnn_width": 32, "output_stride": 4}),
    (16_581, {"cnn_width": 64, "output_stride": 8}),
    (4_965, {"use_batchnorm": False}),
    (6_277, {"last_se": "ese"}),
    (8_943, {"use_skip": True, "last_se": "se", "last_width_scale": 1.25}),
    (5_650, {"use_anchor": True, "num_anchors": 3}),
    (137_525, {"backbone": "microcspnet"}),
    (144_480, {"backbone": "microcspnet", "backbone_se": "ese", **EIGHT}),
    (119_029, RESNET),
    (123_488, {"backbone_se": "ese", **RESNET, **EIGHT}),
    (125_173 - 2_400, {"backbone_skip": True, **RESNET}),
    (134_485 - 2_400, {"backbone_skip_cat": True, **RESNET}),
    (180_565 - 20_832, {"backbone_skip_shuffle_cat": True, **RESNET}),
    (204_757 - 2_400, {"backbone_skip_s2d_cat": True, **RESNET}),
    (122_773, {"backbone_fpn": True, **RESNET}),
    (
        283_253,
        {
            "backbone_channels": (16, 32, 48, 64),
            "backbone_blocks": (1, 2, 2, 1),
            "backbone_out_stride": 16,
            **RESNET,
        },
    ),
    (323_853, SHUFFLENET),
    (345_912, {"backbone_se": "ese", **SHUFFLENET, **EIGHT}),
    (342_797, {"backbone_skip": True, **SHUFFLENET}),
]


def build(name: str) -> DetectorNetwork:
    options = {{"width": "cnn_width"}.get(key, key): value for key, value in CASES[name]["build"].items()}
    if "anchors" in options:
        options["anchors"] = tuple(map(tuple, options["anchors"]))
    return build_cnn(CNNConfig(activation="swish", **options)).eval()


@pytest.mark.parametrize("name", CASES)
def test_names_shapes_and_order_of_the_state_dict(name: str) -> None:
    wanted = [(key, list(shape)) for key, shape in CASES[name]["state"].items() if not key.startswith(UNUSED)]
    model = build(name)
    assert [(key, list(value.shape)) for key, value in model.state_dict().items()] == wanted
    unused = sum(
        int(np.prod(shape))
        for key, shape in CASES[name]["state"].items()
        if key.startswith(UNUSED) and not key.endswith(("running_mean", "running_var", "num_batches_tracked"))
    )
    assert sum(p.numel() for p in model.parameters()) == CASES[name]["params"] - unused


@pytest.mark.parametrize("name", CASES)
def test_outputs(name: str) -> None:
    model = build(name)
    state = closed_form_weights(CASES[name]["state"])
    model.load_state_dict(state | ({"anchors": model.anchors} if isinstance(model, AnchorCNN) else {}))
    images = torch.sin(0.01 * torch.arange(3 * 64 * 64, dtype=torch.float64)).float().view(1, 3, 64, 64)
    with torch.no_grad():
        raw = model(images)
    maps = dict(zip(model.output_names, raw if isinstance(raw, tuple) else (raw,), strict=True))
    for output, value in maps.items():
        wanted = OUTPUTS[f"{name}|{'out' if output == 'raw' else output}"]
        np.testing.assert_allclose(value.numpy(), wanted, atol=1e-4)


@pytest.mark.parametrize(("count", "options"), COUNTS, ids=[str(options) for _, options in COUNTS])
def test_counts(count: int, options: dict[str, Any]) -> None:
    assert sum(p.numel() for p in build_cnn(CNNConfig(**options)).parameters()) == count


@pytest.mark.parametrize(("count", "options"), COUNTS, ids=[str(options) for _, options in COUNTS])
def test_no_parameter_is_dead(count: int, options: dict[str, Any]) -> None:
    """The original's last skip projection never gets a gradient, which also stops training on several GPUs."""
    model = build_cnn(CNNConfig(**options, activation="swish"))
    raw = model(torch.rand(2, 3, 64, 64))
    sum(each.square().sum() for each in (raw if isinstance(raw, tuple) else (raw,))).backward()
    assert [name for name, p in model.named_parameters() if p.grad is None] == []


@pytest.mark.parametrize("stride", [4, 8, 16])
@pytest.mark.parametrize("skip", [False, True])
def test_strides_and_sizes(stride: int, skip: bool) -> None:
    model = create_model("cnn", cnn_width=8, output_stride=stride, use_skip=skip, num_classes=2, in_channels=1)
    assert model.stride == stride
    heat, off, wh = model(torch.rand(1, 1, 64, 48))
    assert heat.shape == (1, 2, 64 // stride, 48 // stride)
    assert off.shape == wh.shape == (1, 2, 64 // stride, 48 // stride)
    with pytest.raises(UserError, match=r"--img-size .* multiples of the output stride"):
        model(torch.rand(1, 1, 64 + stride // 2, 48))


def test_the_backbones_stride_wins() -> None:
    assert CNNConfig().stride == 16
    assert CNNConfig(backbone="microcspnet", output_stride=16).stride == 8
    assert CNNConfig(backbone="none", output_stride=4).stride == 4
    assert CNNConfig(backbone="ultratinyresnet", backbone_channels=(8, 8), backbone_blocks=(1, 1)).stride == 2


def test_equal_to_the_original_where_a_skip_needs_no_weights() -> None:
    model = create_model("cnn", cnn_width=8, use_skip=True)
    assert not any(name.startswith("skip") for name in model.state_dict())
    plain = create_model("cnn", cnn_width=8)
    plain.load_state_dict(model.state_dict())
    images = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        assert not torch.equal(model.eval()(images)[1], plain.eval()(images)[1])


def test_a_fresh_heat_map_says_that_people_are_rare() -> None:
    torch.manual_seed(0)
    with torch.no_grad():
        heat, _, _ = create_model("cnn", output_stride=8).eval()(torch.rand(4, 3, 64, 64))
        raw = create_model("cnn", use_anchor=True).eval()(torch.rand(4, 3, 64, 64))
    assert float(heat.mean()) == pytest.approx(0.1, abs=0.03)
    assert float(torch.sigmoid(raw[:, 4::6]).mean()) == pytest.approx(0.01, abs=0.005)


def test_predictions_follow_topk_and_peaks() -> None:
    torch.manual_seed(0)
    images = np.random.default_rng(0).integers(0, 255, (2, 64, 64, 3)).astype(np.uint8)
    found, state = {}, CenterNetCNN(CNNConfig(output_stride=4)).state_dict()
    for name, options in {"peaks": {}, "few": {"topk": 3}, "any": {"heatmap_peaks": False, "topk": 500}}.items():
        model = CenterNetCNN(CNNConfig(output_stride=4, **options)).eval()
        model.load_state_dict(state)
        predictor = TorchPredictor(model, ModelSpec())
        found[name] = [len(boxes) for boxes, _ in predictor.infer(predictor.preprocess(list(images)))]
        assert all(result.xyxy.shape[1] == 4 for result in predictor.predict(list(images), 0.0))
    assert found["any"] == [256, 256]
    assert found["few"] == [3, 3]
    assert all(3 < count < 100 for count in found["peaks"])


def test_anchor_predictions_are_the_shared_decoders() -> None:
    torch.manual_seed(0)
    model = create_model("cnn", use_anchor=True, num_classes=2)
    assert isinstance(model, AnchorCNN)
    model.set_anchors([(0.05 * (i + 1), 0.1 * (i + 1)) for i in range(8)])
    raw = model.eval()(torch.rand(1, 3, 64, 64)).detach().numpy()
    [(boxes, scores)] = model.predictions((raw,))
    wanted = decode(raw, model.layout())
    np.testing.assert_array_equal(boxes, wanted[0][0])
    np.testing.assert_array_equal(scores, wanted[1][0])
    assert model.layout().score_mode == "obj_cls"
    assert model.config.anchors[7] == pytest.approx((0.4, 0.8))
    assert torch.equal(model.state_dict()["anchors"], model.anchors)
    with pytest.raises(UserError, match="8 anchors, not 1"):
        model.set_anchors([(0.1, 0.1)])


def test_profile_counts_the_heads() -> None:
    found = profile(create_model("cnn"))
    assert (found.params, found.head) == (5_221, 5 * 33)
    assert found.macs > 0


@pytest.mark.parametrize(
    ("options", "both"),
    [
        ({"backbone": "microcspnet", "use_skip": True}, ("--use-skip", "--backbone microcspnet")),
        ({"backbone": "microcspnet", "last_se": "se"}, ("--last-se", "--backbone microcspnet")),
        ({**RESNET, "last_width_scale": 2.0}, ("--last-width-scale", "--backbone ultratinyresnet")),
        ({"anchors": ((0.1, 0.1),)}, ("--anchors", "--use-anchor")),
    ],
)
def test_contradictions_name_both(options: dict[str, Any], both: tuple[str, str]) -> None:
    with pytest.raises(UserError) as error:
        build_cnn(CNNConfig(**options))
    assert all(flag in str(error.value) for flag in both)

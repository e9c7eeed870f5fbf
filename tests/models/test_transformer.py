"""Names, counts and outputs of the query transformer equal those of the original; it exports and is recognised."""

from __future__ import annotations

import io
import json
import warnings
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from tests.models.test_original_parity import uniform
from uhd.card import ModelSpec
from uhd.config import to_plain
from uhd.errors import UserError
from uhd.models import create_model
from uhd.models.predictor import TorchPredictor
from uhd.models.profile import profile
from uhd.models.transformer import QueryTransformer, TransformerConfig
from uhd.models.transformer.infer import config_of
from uhd.models.transformer.position import sine_position
from uhd.models.weights import architecture_of, describe

torch.set_num_threads(1)
GOLDEN = json.loads((Path(__file__).parent.parent / "golden" / "transformer.json").read_text())
SMALL = {"num_queries": 5, "d_model": 16, "heads": 2, "layers": 1, "dim_feedforward": 24}


def build(name: str) -> QueryTransformer:
    return QueryTransformer(TransformerConfig(**{"activation": "swish", **GOLDEN[name]["build"]})).eval()


def small(**changes: object) -> QueryTransformer:
    torch.manual_seed(0)
    model = create_model("transformer", **(SMALL | changes))
    assert isinstance(model, QueryTransformer)
    return model.eval()


def fill(model: QueryTransformer) -> None:
    state = model.state_dict()
    for i, key in enumerate(sorted(state)):
        value = state[key]
        signed = 2 * uniform(np.arange(value.numel()), i) - 1
        scale = {4: 1.3, 2: 1.0}.get(value.ndim, 0) * np.sqrt(3 / value[0].numel()) if value.ndim > 1 else 0.1
        value.copy_(torch.from_numpy((scale * signed).astype(np.float32)).view(value.shape))


@pytest.mark.parametrize("name", GOLDEN)
def test_names_shapes_and_order_of_the_state_dict(name: str) -> None:
    model = build(name)
    assert sum(p.numel() for p in model.parameters()) == GOLDEN[name]["params"]
    found = [(key, list(value.shape)) for key, value in model.state_dict().items()]
    assert found == [(key, list(shape)) for key, shape in GOLDEN[name]["state"].items()]


@pytest.mark.parametrize("name", GOLDEN)
def test_outputs(name: str) -> None:
    model = build(name)
    with torch.no_grad():
        fill(model)
        images = torch.sin(0.01 * torch.arange(3 * 64 * 64, dtype=torch.float64)).float().view(1, 3, 64, 64)
        logits, boxes = model(images)
    np.testing.assert_allclose(logits, GOLDEN[name]["logits"], atol=1e-6)
    np.testing.assert_allclose(boxes, GOLDEN[name]["boxes"], atol=1e-6)


def test_pyramid_has_the_originals_size_and_tokens_of_four_maps() -> None:
    model = create_model("transformer", use_fpn=True)
    assert sum(p.numel() for p in model.parameters()) == 268_358
    tokens = []
    model.encoder.register_forward_hook(lambda _m, inputs, _out: tokens.append(inputs[0].shape[1]))
    model.eval()(torch.zeros(1, 3, 32, 16))
    assert tokens == [16 * 8 * 2 + 8 * 4 + 4 * 2]


def test_layers_agree_with_torch() -> None:
    """The same weights in torch's own layers, which check theirs, give the same numbers; gradients too."""
    ours = small(activation="swish", layers=2)
    width = SMALL["d_model"]
    act = torch.nn.functional.silu
    encoder = torch.nn.TransformerEncoderLayer(width, 2, 24, 0, act, batch_first=True)
    decoder = torch.nn.TransformerDecoderLayer(width, 2, 24, 0, act, batch_first=True)
    encoder.load_state_dict(ours.encoder.layers[1].state_dict())
    decoder.load_state_dict(ours.decoder.layers[1].state_dict())
    tokens, queries = torch.randn(2, 12, width), torch.randn(2, 5, width)
    torch.testing.assert_close(ours.encoder.layers[1](tokens), encoder(tokens))
    torch.testing.assert_close(ours.decoder.layers[1](queries, tokens), decoder(queries, tokens))
    ours.decoder.layers[1](queries, tokens).square().sum().backward()
    decoder(queries, tokens).square().sum().backward()
    for (name, mine), theirs in zip(ours.decoder.layers[1].named_parameters(), decoder.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-4, atol=1e-5, msg=name)


def test_position_code_written_out() -> None:
    code = sine_position(2, 3, 8)
    x, y = 2, 1
    wanted = [f(place / scale) for place in (x, y) for f in (np.sin, np.cos) for scale in (1, 10)]
    np.testing.assert_allclose(code[y * 3 + x], wanted, atol=1e-6)


def test_dropout_is_random_in_training_only() -> None:
    model, images = small(dropout=0.5), torch.rand(1, 3, 16, 16)
    assert torch.equal(model(images)[0], model(images)[0])
    model.train()
    assert not torch.equal(model(images)[0], model(images)[0])


def test_an_image_is_answered_alike_alone_and_in_a_batch() -> None:
    model, images = small(), torch.rand(3, 3, 16, 24)
    together = model(images)
    assert [tuple(each.shape) for each in together] == [(5, 3, 2), (5, 3, 4)]
    alone = model(images[1:2])
    torch.testing.assert_close(together[1][:, 1:2], alone[1])


@pytest.mark.parametrize(("use_fpn", "size"), [(False, (10, 14)), (True, (16, 24))])
def test_any_size_divisible_by_the_stride(use_fpn: bool, size: tuple[int, int]) -> None:
    model = small(use_fpn=use_fpn)
    assert model(torch.zeros(1, 3, *size))[0].shape == (5, 1, 2)
    with pytest.raises(UserError, match="multiples of the output stride"):
        model(torch.zeros(1, 3, size[0] + 1, size[1]))


@pytest.mark.parametrize("wrong", [{"d_model": 18, "heads": 3}, {"d_model": 16, "heads": 3}])
def test_widths_that_cannot_be_divided_are_one_clear_error(wrong: dict[str, int]) -> None:
    with pytest.raises(UserError, match=r"--d-model .* divisible by 4 and by --heads"):
        create_model("transformer", **wrong)


@pytest.mark.parametrize("changes", [{}, {"use_fpn": True}, {"use_fpn": True, "use_batchnorm": False}])
def test_configuration_is_inferred_from_the_weights(changes: dict[str, bool]) -> None:
    model = small(num_classes=3, in_channels=1, heads=4, activation="swish", **changes)
    for meta in ({}, {"heads": 2, "activation": "relu"}):
        found = config_of(model.state_dict(), meta)
        assert found is not None
        assert to_plain(found) == to_plain(model.config) | {"dropout": found.dropout} | meta
    assert architecture_of(model.state_dict(), {}, Path("a.pt"))[0] == "transformer"
    arch, config = architecture_of(model.state_dict(), describe(model), Path("a.pt"))
    assert (arch, config) == ("transformer", model.config)
    assert config_of(create_model(cnn_width=4).state_dict(), {}) is None


def test_predictor_finds_what_the_weights_say() -> None:
    model = small()
    with torch.no_grad():
        model.class_head.weight.zero_()
        model.class_head.bias.copy_(torch.tensor([2.0, 0.0]))
        model.box_head.weight.zero_()
        model.box_head.bias.copy_(torch.logit(torch.tensor([0.5, 0.5, 0.25, 0.5])))
    found = TorchPredictor(model, ModelSpec((16, 16))).predict([np.zeros((80, 40, 3), np.uint8)], 0.5)[0]
    assert len(found) == 1  # five queries say the same; suppression keeps one
    np.testing.assert_allclose(found.xyxy[0], [15, 20, 25, 60], atol=1e-3)
    assert float(found.scores[0]) == pytest.approx(1 / (1 + np.exp(-2)), abs=1e-5)


@pytest.mark.parametrize("activation", ["relu", "swish"])
@pytest.mark.parametrize("use_fpn", [False, True])
def test_exports_to_onnx(activation: str, use_fpn: bool) -> None:
    model, images = small(activation=activation, use_fpn=use_fpn), torch.rand(1, 3, 16, 24)
    buffer = io.BytesIO()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the older exporter, and that the sizes become constants
        torch.onnx.export(model, (images,), buffer, dynamo=False, opset_version=17, input_names=["images"])
        wanted = model(images)
    session = onnxruntime.InferenceSession(buffer.getvalue(), providers=["CPUExecutionProvider"])
    found = session.run(None, {"images": images.numpy()})
    for ours, theirs in zip(found, wanted, strict=True):
        np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-5)


def test_profile_counts_matrices_and_attention() -> None:
    model = small()
    found = profile(model, (8, 8))
    d, n, q, f = 16, 16, 5, 24
    patch = n * d * 27
    encoder = 4 * n * d * d + 2 * n * n * d + 2 * n * d * f
    decoder = 4 * q * d * d + 2 * q * q * d + (2 * q + 2 * n) * d * d + 2 * q * n * d + 2 * q * d * f
    assert found.macs == patch + encoder + decoder + q * d * (2 + 4)
    assert found.params == sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_network_of_less_precision_answers_in_it(dtype: torch.dtype) -> None:
    images = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        expected, found = small()(images), small().to(dtype)(images.to(dtype))
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.dtype == dtype
        assert (ours.float() - theirs).abs().max() < 0.1

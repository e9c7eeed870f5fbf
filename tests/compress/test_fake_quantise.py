"""Rounding in closed form, gradients straight through, and networks that stay the same network."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from uhd.card import ModelSpec
from uhd.compress.config import QuantiseConfig, quantisation_of
from uhd.compress.fake_quantise import (
    QuantisedConv2d,
    QuantisedConvNormAct,
    fake_quantise,
    fit_ranges,
    quantise,
    start_epoch,
    strip,
)
from uhd.config import to_plain
from uhd.errors import UserError
from uhd.export.onnx.export import export_onnx
from uhd.models.profile import profile
from uhd.models.ultratinyod import UltraTinyOD, UltraTinyODConfig
from uhd.models.weights import describe, load_model, save_weights
from uhd.runtime.onnx import OnnxPredictor

torch.set_num_threads(1)
SMALL = UltraTinyODConfig(cnn_width=4, utod_large_obj_depth=1, utod_context_rfb=True)


def network() -> UltraTinyOD:
    torch.manual_seed(0)
    return UltraTinyOD(SMALL).eval()


def test_closed_form() -> None:
    x = torch.tensor([-1.0, -0.5, -0.2, 0.0, 0.16, 0.17, 0.7, 0.9])
    third = 1 / 3  # 3 bits: -3 .. 3, the largest value is 1
    wanted = torch.tensor([-3, -2, -1, 0, 0, 1, 2, 3]) * third  # -1.5 rounds to even
    torch.testing.assert_close(fake_quantise(x, 3), wanted)
    torch.testing.assert_close(fake_quantise(x, 2), torch.tensor([-1.0, 0, 0, 0, 0, 0, 1, 1]))  # -0.5 rounds to even


def test_a_scale_for_each_output_channel() -> None:
    weight = torch.tensor([[1.0, 0.4], [10.0, 4.0], [0.0, 0.0]])
    torch.testing.assert_close(fake_quantise(weight, 2, 0), torch.tensor([[1.0, 0], [10, 0], [0, 0]]))
    torch.testing.assert_close(fake_quantise(weight, 2), torch.tensor([[0.0, 0], [10, 0], [0, 0]]))


@pytest.mark.parametrize("bits", [-1, 0, 1])
def test_below_two_bits_is_off(bits: int) -> None:
    x = torch.randn(3, 4)
    assert fake_quantise(x, bits) is x


@settings(max_examples=50, deadline=None)
@given(st.integers(2, 12), st.integers(0, 2**32 - 1), st.floats(1e-3, 1e3))
def test_values_lie_on_the_grid_and_near_by(bits: int, seed: int, size: float) -> None:
    x = torch.randn(5, 7, generator=torch.Generator().manual_seed(seed)) * size
    found = fake_quantise(x, bits, 0)
    top = 2 ** (bits - 1) - 1
    scale = x.abs().amax(1, keepdim=True) / top
    steps = found / scale
    torch.testing.assert_close(steps, steps.round(), atol=1e-3, rtol=0)
    assert (steps.abs() <= top + 1e-3).all()
    assert ((found - x).abs() <= scale * 0.5001).all()
    torch.testing.assert_close(fake_quantise(found, bits, 0), found)


def test_the_gradient_passes_straight_through() -> None:
    x = torch.randn(4, 5, requires_grad=True)
    coefficient = torch.randn(4, 5)
    (fake_quantise(x, 2) * coefficient).sum().backward()
    assert torch.equal(x.grad, coefficient)


def test_which_layers() -> None:
    model = quantise(network(), QuantiseConfig(w_bits=4, a_bits=0, quant_target="head"))
    kinds = {name: type(module) for name, module in model.named_modules()}
    assert kinds["head.box_out"] is QuantisedConv2d
    assert kinds["head.cls_tower.0.conv"] is QuantisedConv2d
    assert kinds["head.large_obj_down.3.conv"] is QuantisedConv2d
    assert QuantisedConvNormAct not in kinds.values()
    for name in ("head.large_obj_down.0", "head.head_rfb.branch_wide.0", "head.head_se.fc", "backbone.stem.conv"):
        assert kinds[name] is torch.nn.Conv2d


def test_names_stay_and_outputs_change() -> None:
    plain, images = network(), torch.rand(2, 3, 64, 64)
    model = quantise(network(), QuantiseConfig(w_bits=3, a_bits=3))
    assert list(model.state_dict()) == list(plain.state_dict())
    with torch.no_grad():
        assert not torch.allclose(model(images), plain(images))
        near = quantise(network(), QuantiseConfig(w_bits=14, a_bits=14))
        torch.testing.assert_close(near(images), plain(images), atol=0.02, rtol=0)


def straight_through(x: torch.Tensor, bits: int, keep: int | None) -> torch.Tensor:
    """The original's form: rounded in the graph, and the value plus a constant difference."""
    top = 2 ** (bits - 1) - 1
    size = x.abs()
    largest = size.max() if keep is None else size.amax([d for d in range(x.ndim) if d != keep], keepdim=True)
    scale = (largest / top).clamp(min=1e-8)
    return x + ((x / scale).clamp(-top, top).round() * scale - x).detach()


@pytest.mark.parametrize("keep", [None, 0])
@given(bits=st.integers(2, 8), seed=st.integers(0, 99), size=st.floats(1e-6, 1e4))
@settings(deadline=None)
def test_the_originals_arithmetic_gives_the_same_bits(keep: int | None, bits: int, seed: int, size: float) -> None:
    x = (size * torch.randn(3, 4, 5, 5, generator=torch.Generator().manual_seed(seed))).requires_grad_()
    ours, theirs = fake_quantise(x, bits, keep), straight_through(x, bits, keep)
    assert torch.equal(ours, theirs)
    assert torch.equal(torch.autograd.grad(ours.sum(), x)[0], torch.autograd.grad(theirs.sum(), x)[0])


def test_a_network_differs_from_the_originals_by_the_range_of_the_batch_only(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    model = quantise(network(), QuantiseConfig(w_bits=8, a_bits=8)).eval()
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        alone, both = model(images[:1]), model(images)

        def of_the_batch(x: torch.Tensor, bits: int, keep: int | None = None) -> torch.Tensor:
            return straight_through(x, bits, keep if isinstance(x, torch.nn.Parameter) else None)

        monkeypatch.setattr(import_module("uhd.compress.fake_quantise"), "fake_quantise", of_the_batch)
        assert torch.equal(model(images[:1]), alone)
        assert not torch.equal(model(images), both)


def test_an_image_is_judged_alone() -> None:
    model = quantise(network(), QuantiseConfig(w_bits=4, a_bits=4))
    images = torch.rand(3, 3, 64, 64) * torch.tensor([0.1, 1, 0.5]).view(3, 1, 1, 1)
    with torch.no_grad():
        torch.testing.assert_close(model(images)[0], model(images[:1])[0], atol=1e-4, rtol=1e-4)


def test_two_sets_of_bits() -> None:
    config = QuantiseConfig(w_bits=2, a_bits=3, quant_target="backbone", highbit_quant_target="head")
    assert {name: (bits.weights, bits.activations) for name, bits in config.parts().items()} == {
        "backbone": (2, 3),
        "head": (8, 8),
    }
    assert QuantiseConfig(w_bits=2, lowbit_quant_target="head", lowbit_w_bits=5).parts()["head"].weights == 5
    assert not QuantiseConfig().on
    assert not QuantiseConfig(quant_target="both", highbit_quant_target="none").on
    for config in (
        QuantiseConfig(w_bits=4, highbit_quant_target="head"),
        QuantiseConfig(w_bits=4, quant_target="backbone", highbit_quant_target="both"),
    ):
        with pytest.raises(UserError, match="low bits and high bits"):
            config.parts()


@pytest.mark.parametrize("config", [QuantiseConfig(w_bits=4, a_bits=5, quant_target="head"), QuantiseConfig(qat=True)])
def test_a_file_rebuilds_it(config: QuantiseConfig, tmp_path: Path) -> None:
    model, images = quantise(network(), config), torch.rand(2, 3, 64, 64)
    model.train()(images)
    model.eval()
    save_weights(tmp_path / "a.safetensors", model.state_dict(), describe(model))
    again, _ = load_model(tmp_path / "a.safetensors")
    assert again.quantisation == config
    assert "4 bit" in profile(again).to_text() or "observed" in profile(again).to_text()
    with torch.no_grad():
        assert torch.equal(again(images), model(images))


def test_the_originals_keys_are_understood() -> None:
    meta = {"w_bits": 4, "a_bits": 0, "quant_target": "head", "lowbit_w_bits": None, "highbit_quant_target": "none"}
    assert quantisation_of(meta, "x.pt") == QuantiseConfig(w_bits=4, quant_target="head")
    assert quantisation_of({"quantise_config": to_plain(QuantiseConfig(qat=True))}, "x.pt").qat
    assert not quantisation_of({}, "x.pt").on


@pytest.mark.parametrize("config", [QuantiseConfig(w_bits=4, a_bits=4), QuantiseConfig(qat=True)])
def test_export_writes_rounded_weights(config: QuantiseConfig, tmp_path: Path) -> None:
    model = quantise(network(), config)
    model.train()(torch.rand(2, 3, 64, 64))
    model.eval()
    export_onnx(model, tmp_path / "a.onnx", ModelSpec(), form="raw")
    assert model.quantisation is config  # the model itself is not changed
    weights_only = quantise(network(), QuantiseConfig(w_bits=8 if config.qat else 4))
    weights_only.load_state_dict({k: v for k, v in model.state_dict().items() if not k.endswith("observed")})
    images = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        boxes, scores = weights_only.predictions((weights_only(images).numpy(),))[0]
    found = OnnxPredictor(tmp_path / "a.onnx").infer(images.numpy())[0]
    torch.testing.assert_close(torch.from_numpy(found[0]), torch.from_numpy(boxes), atol=1e-4, rtol=0)
    torch.testing.assert_close(torch.from_numpy(found[1]), torch.from_numpy(scores), atol=1e-4, rtol=0)


def test_strip_leaves_an_ordinary_network() -> None:
    model = strip(quantise(network(), QuantiseConfig(qat=True)))
    assert {type(module) for module in model.modules()} == {type(module) for module in network().modules()}
    assert list(model.state_dict()) == list(network().state_dict())


def test_weights_go_from_and_to_an_observing_network() -> None:
    plain, observing = network(), quantise(network(), QuantiseConfig(qat=True))
    observing.load_state_dict(fit_ranges(plain.state_dict(), observing))
    plain.load_state_dict(fit_ranges(observing.state_dict(), plain))


class TestQat:
    def test_ranges_are_observed_then_kept(self) -> None:
        model = quantise(network(), QuantiseConfig(qat=True, qat_disable_observer_epoch=2, qat_freeze_bn_epoch=1))
        stem = model.backbone.stem
        images = torch.rand(2, 3, 64, 64)
        assert isinstance(stem, QuantisedConvNormAct)
        model.train()
        start_epoch(model, 0)
        model(images)
        first = stem.observed.clone()
        assert first[1] > 0
        model(images * 0)
        torch.testing.assert_close(stem.observed[1], first[1] * 0.99, atol=0.02, rtol=0)
        assert stem.bn.training
        start_epoch(model, 1)
        assert not stem.bn.training
        kept = stem.observed.clone()
        model.train()
        start_epoch(model, 2)
        model(images * 3)
        assert torch.equal(stem.observed, kept)
        model.eval()(images * 3)
        assert torch.equal(stem.observed, kept)

    @pytest.mark.parametrize(("backend", "levels"), [("fbgemm", 127), ("qnnpack", 255)])
    def test_activations_lie_on_an_affine_grid(self, backend: str, levels: int) -> None:
        model = quantise(network(), QuantiseConfig(qat=True, qat_backend=backend))
        images = torch.rand(1, 3, 64, 64)
        model.train()
        model(images)
        stem = model.backbone.stem
        out = stem(images).detach()
        steps = out / (stem.observed[1] / levels)
        torch.testing.assert_close(steps, steps.round(), atol=1e-3, rtol=0)
        assert len(out.unique()) > 10
        assert stem.conv.per_channel == (backend == "fbgemm")

    def test_gradients_reach_the_weights(self) -> None:
        model = quantise(network(), QuantiseConfig(qat=True))
        model.train()(torch.rand(2, 3, 64, 64)).square().mean().backward()
        assert model.backbone.stem.conv.weight.grad.abs().sum() > 0

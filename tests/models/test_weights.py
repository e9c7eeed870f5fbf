"""Weights of ours and of the original are read; nothing in a file is executed."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from uhd.errors import UserError
from uhd.models.ultratinyod import UltraTinyOD, UltraTinyODConfig
from uhd.models.weights import describe, load_model, read_weights, save_weights

FAMILY = {"cnn_width": 8, "utod_large_obj_depth": 3, "utod_large_obj_ch_scale": 1.5}
PLAIN = {
    "cnn_width": 8,
    "use_improved_head": False,
    "use_iou_aware_head": False,
    "utod_residual": False,
    "utod_head_ese": False,
    "utod_large_obj_branch": False,
    "use_batchnorm": False,
    "num_anchors": 3,
}


def model_of(options: dict[str, Any]) -> UltraTinyOD:
    torch.manual_seed(0)
    model = UltraTinyOD(UltraTinyODConfig(**options)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    return model


def assert_equal(a: UltraTinyOD, b: UltraTinyOD) -> None:
    images = torch.rand(1, a.config.in_channels, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(a(images), b(images))
    assert a.layout().score_mode == b.layout().score_mode


@pytest.mark.parametrize("options", [FAMILY, PLAIN, {**FAMILY, "num_classes": 3, "utod_conv": "std"}])
def test_safetensors_round_trip(options: dict[str, Any], tmp_path: Path) -> None:
    model = model_of(options)
    save_weights(tmp_path / "a.safetensors", model.state_dict(), describe(model, img_size="64x48"))
    again, meta = load_model(tmp_path / "a.safetensors")
    assert_equal(model, again)
    assert meta["img_size"] == "64x48"
    assert again.config == model.config


@pytest.mark.parametrize(
    "options",
    [
        FAMILY,
        PLAIN,
        {"cnn_width": 8, "utod_sppf_scale": "bn", "utod_context_rfb": True},
        {"cnn_width": 8, "utod_sppf_scale": "conv", "utod_conv": "std", "num_classes": 2},
        {"cnn_width": 8, "disable_cls": True, "in_channels": 1},
    ],
)
def test_a_bare_state_dict_says_its_architecture_by_its_shapes(options: dict[str, Any], tmp_path: Path) -> None:
    model = model_of({**options, "activation": "swish"})  # the one thing shapes cannot tell; swish is the original's
    torch.save(model.state_dict(), tmp_path / "bare.pt")
    assert_equal(model, load_model(tmp_path / "bare.pt")[0])


@pytest.mark.parametrize("number", range(1, 12))
def test_every_quantisation_friendly_variant_is_known_by_its_weights(number: int, tmp_path: Path) -> None:
    """Variant 4 adds no weights: the original's metadata tells it."""
    options = {"cnn_width": 4, "utod_quant_arch": number, "utod_residual": True, "num_anchors": 2}
    model = model_of({**options, "activation": "swish"})
    table = {"model": model.state_dict(), "utod_quant_arch": 4} if number == 4 else model.state_dict()
    torch.save(table, tmp_path / "a.pt")
    again = load_model(tmp_path / "a.pt")[0]
    assert_equal(model, again)
    assert again.config.utod_quant_arch == number


def test_a_checkpoint_of_the_original(tmp_path: Path) -> None:
    raw, averaged = model_of(FAMILY), model_of({**FAMILY})
    with torch.no_grad():
        averaged.head.box_out.bias.add_(1)  # type: ignore[union-attr]
    table = {"model": raw.state_dict(), "ema": averaged.state_dict(), "arch": "ultratinyod", "activation": "relu"}
    table |= {"cnn_width": 8, "img_size": "64x64", "resize_mode": "opencv_inter_nearest", "quality_power": 1.0}
    torch.save(table | {"use_ema": True}, tmp_path / "a.pt")
    assert_equal(averaged, load_model(tmp_path / "a.pt")[0])
    torch.save(table | {"use_ema": False}, tmp_path / "b.pt")
    assert_equal(raw, load_model(tmp_path / "b.pt")[0])


class Evil:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return open, (str(self.path), "w")


def test_refused(tmp_path: Path) -> None:
    (tmp_path / "evil.pt").write_bytes(pickle.dumps({"model": Evil(tmp_path / "executed")}))
    torch.save({"model": {"some.weight": torch.zeros(3)}}, tmp_path / "other.pt")
    torch.save([1, 2], tmp_path / "list.pt")
    (tmp_path / "short.safetensors").write_bytes(b"\x00" * 4)
    model = model_of(FAMILY)
    broken = model.state_dict()
    del broken["head.obj_out.bias"]
    torch.save(broken, tmp_path / "broken.pt")
    for name in ("evil.pt", "other.pt", "list.pt", "short.safetensors", "broken.pt", "missing.pt"):
        with pytest.raises(UserError, match=name):
            load_model(tmp_path / name)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(("name", "message"), [("m.onnx", "is an exported file"), ("junk.ckpt", "of another kind")])
def test_a_foreign_file_is_refused_in_one_whole_line(name: str, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"no checkpoint at all")
    with pytest.raises(UserError, match=message) as caught:
        read_weights(tmp_path / name)
    assert "\n" not in str(caught.value)
    assert "orch" not in str(caught.value)

"""Published weights of backbones: all of them arrive, and maps are those of the library that publishes them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

import uhd
from uhd.models.weights import State
from uhd.refer.model.backbones import efficientformer_v2
from uhd.refer.model.backbones.efficientformer_v2 import EfficientFormerV2
from uhd.refer.model.backbones.library_names import FAMILIES
from uhd.refer.model.backbones.mobilevit import MobileViT
from uhd.refer.model.backbones.names import PUBLISHED
from uhd.refer.model.backbones.poolformer import PoolFormer
from uhd.refer.model.backbones.published import load_published, names_of, read_published
from uhd.refer.model.backbones.segformer import SegFormer
from uhd.refer.model.backbones.swin import Swin

SMALL: dict[str, Callable[[], nn.Module]] = {
    "SegFormer": lambda: SegFormer((8, 8, 10, 8), (1, 1, 1, 1)),
    "Swin": lambda: Swin(4, (1, 1, 2, 1), (1, 1, 2, 2)),
    "PoolFormer": lambda: PoolFormer((4, 4, 4, 4), (1, 1, 11, 1)),
    "MobileViT": lambda: MobileViT((4, 4, 4, 4, 4, 4), (4, 4, 4), 2, 4),
    "EfficientFormerV2": lambda: EfficientFormerV2((4, 4, 4, 8), ((1,), (1,), (1, 1), (1,)), 1),
}


def small(kind: str = "SegFormer") -> Any:
    torch.manual_seed(0)
    return SMALL[kind]()


def theirs_of(backbone: nn.Module) -> State:
    """Return drawn weights for a backbone under the library's names, with a classifier behind them."""
    family, made = FAMILIES[type(backbone).__name__], {"classifier.weight": torch.zeros(2, 8)}
    for ours, value in backbone.state_dict().items():
        names = names_of(ours, family)
        drawn = torch.randn(value.shape) if value.dim() else torch.ones(())
        for name, part in zip(names, drawn.chunk(len(names)) if len(names) > 1 else [drawn], strict=True):
            made[family.prefix + name] = part.contiguous()
    return made


@pytest.mark.parametrize("name", SMALL)
def test_the_table_names_something_for_every_tensor_once(name: str) -> None:
    assert list(SMALL) == list(FAMILIES)
    backbone = small(name)
    family = FAMILIES[type(backbone).__name__]
    by_layer = {ours: names_of(ours, family) for ours in backbone.state_dict()}
    names = [each for found in by_layer.values() for each in found]
    assert len(names) == len(set(names))
    own = [ours for ours, found in by_layer.items() if not found]
    kinds = ("weight", "bias")
    assert own == ([f"norms.{i}.{kind}" for i in range(3) for kind in kinds] if name == "Swin" else [])
    assert "#" not in "".join(names)


@pytest.mark.parametrize("half", [False, True])
def test_all_weights_arrive_and_see_our_pictures_as_theirs(tmp_path: Path, half: bool) -> None:
    theirs = theirs_of(small())
    kind = torch.float16 if half else torch.float32
    save_file({name: value.to(kind) for name, value in theirs.items()}, tmp_path / "model.safetensors")
    backbone = small().eval()
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    load_published(backbone, "segformer_b0", tmp_path)
    assert [name for name, value in backbone.state_dict().items() if torch.equal(value, before[name])] == []
    assert {value.dtype for value in backbone.state_dict().values()} == {torch.float32}
    stem = "segformer.encoder.patch_embeddings.0.proj."
    picture = torch.rand(1, 3, 15, 15)
    mean, deviation = (torch.tensor(each)[:, None, None] for each in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    given = (picture - mean) / deviation
    wanted = nn.functional.conv2d(given, theirs[f"{stem}weight"], theirs[f"{stem}bias"], 4)
    seen = nn.functional.conv2d(picture * 4 - 2, backbone.embed[0].weight, backbone.embed[0].bias, 4)
    torch.testing.assert_close(seen, wanted, rtol=1e-4, atol=0.1 if half else 1e-4)


def test_mobilevit_is_given_blue_first_and_no_mean(tmp_path: Path) -> None:
    backbone = small("MobileViT").eval()
    theirs = theirs_of(backbone)
    theirs["mobilevit.conv_stem.normalization.running_var"].abs_()
    save_file(theirs, tmp_path / "model.safetensors")
    load_published(backbone, "mobilevit_xxs", tmp_path / "model.safetensors")
    picture, stem = torch.rand(1, 3, 15, 15), "mobilevit.conv_stem."
    parts = ("running_mean", "running_var", "weight", "bias")
    mean, variance, weight, bias = (theirs[f"{stem}normalization.{part}"] for part in parts)
    given = nn.functional.conv2d(picture.flip(1), theirs[f"{stem}convolution.weight"])
    wanted = nn.functional.batch_norm(given, mean, variance, weight, bias)
    seen = backbone.stem.norm(nn.functional.conv2d(picture * 4 - 2, backbone.stem.conv.weight))
    torch.testing.assert_close(seen, wanted, rtol=1e-3, atol=1e-4)


def drop(state: State) -> None:
    del state["segformer.encoder.block.2.0.attention.self.value.bias"]


def widen(state: State) -> None:
    state["segformer.encoder.block.1.0.mlp.dense1.weight"] = torch.zeros(8, 8)


def deepen(state: State) -> None:
    state["segformer.encoder.block.1.1.mlp.dense1.weight"] = torch.zeros(8, 8)


def rename(state: State) -> None:
    for name in list(state):
        state[name.replace("segformer.encoder", "swin.encoder")] = state.pop(name)


FAULTS: dict[str, Any] = {
    r"holds no encoder\.block\.2\.0\.attention\.self\.value\.bias, so it is not of --backbone segformer_b0": drop,
    r"encoder\.block\.1\.0\.mlp\.dense1\.weight has the shape \[8, 8\], not \[32, 8\]": widen,
    r"encoder\.block\.1\.1\.mlp\.dense1\.weight has no place in --backbone segformer_b0": deepen,
    r"holds no encoder\.patch_embeddings\.0\.proj\.weight": rename,
}


@pytest.mark.parametrize("message", FAULTS)
def test_a_file_that_does_not_fit_is_refused_in_one_line(tmp_path: Path, message: str) -> None:
    state = theirs_of(small())
    FAULTS[message](state)
    torch.save(state, tmp_path / "pytorch_model.bin")
    with pytest.raises(uhd.UserError, match=message) as caught:
        load_published(small(), "segformer_b0", tmp_path)
    assert "\n" not in str(caught.value)
    assert "or leave out --backbone-weights" in str(caught.value)


@pytest.mark.parametrize("file", ["model.safetensors", "pytorch_model.bin"])
def test_a_truncated_file_is_refused_in_one_line(tmp_path: Path, file: str) -> None:
    (save_file if file.endswith("s") else torch.save)(theirs_of(small()), tmp_path / file)
    (tmp_path / file).write_bytes((tmp_path / file).read_bytes()[:-100])
    with pytest.raises(uhd.UserError, match=file) as caught:
        load_published(small(), "segformer_b0", tmp_path)
    assert "\n" not in str(caught.value)


_MOBILE = {"xxs": ([64, 80, 96], [16, 16, 24, 48, 64, 80, 320], 2.0),
           "xs": ([96, 120, 144], [16, 32, 48, 64, 80, 96, 384], 4.0),
           "s": ([144, 192, 240], [16, 32, 64, 96, 128, 160, 640], 4.0)}  # fmt: skip
# Name, sizes, and the picture's, at which nothing is padded: MobileViT's maps are even, Swin's multiples of 7.
LIBRARY: dict[str, tuple[str, dict[str, Any], tuple[int, int]]] = {
    "segformer_b0": ("Segformer", {}, (64, 96)),
    "segformer_b1": ("Segformer", {"hidden_sizes": [64, 128, 320, 512]}, (64, 96)),
    "swin_T_224_1k": ("Swin", {}, (224, 448)),
    "poolformer_s12": ("PoolFormer", {"depths": [2, 2, 6, 2]}, (64, 96)),
    "poolformer_s24": ("PoolFormer", {"depths": [4, 4, 12, 4]}, (64, 96)),
    "poolformer_s36": ("PoolFormer", {"depths": [6, 6, 18, 6]}, (64, 96)),
    **{f"mobilevit_{name}": ("MobileViT", {"hidden_sizes": hidden, "neck_hidden_sizes": neck, "expand_ratio": ratio},
                             (64, 128)) for name, (hidden, neck, ratio) in _MOBILE.items()},
}  # fmt: skip


def maps_of(model: Any, x: Tensor) -> list[Tensor]:
    """Return the maps of a model of the library at strides 4, 8, 16 and 32, the last as its classifier takes it."""
    if model.base_model_prefix == "mobilevit":
        found = model(x, output_hidden_states=True)
        return [*found.hidden_states[1:4], found.last_hidden_state]
    if model.base_model_prefix != "swin":
        return list(model(x, output_hidden_states=True).hidden_states)
    found = model(x, output_hidden_states=True, output_hidden_states_before_downsampling=True, always_partition=True)
    maps = [each.permute(0, 2, 3, 1) for each in found.reshaped_hidden_states[1:]]
    normal = [nn.functional.layer_norm(each, each.shape[-1:]) for each in maps[:3]]
    return [each.permute(0, 3, 1, 2) for each in (*normal, model.layernorm(maps[3]))]


def shake(model: nn.Module) -> None:
    """Give a model weights of which none is nothing."""
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if value.is_floating_point():
                drawn = torch.randn_like(value) * (0.3 if value.dim() < 2 else float(value[0].numel()) ** -0.5)
                scale = name.endswith("var") or ("norm" in name and name.endswith("weight"))
                value.copy_(drawn.abs() + 0.5 if scale else drawn)


@pytest.mark.slow  # pytest -m slow tests/refer/model/test_published.py; takes the library `transformers`
@pytest.mark.parametrize("name", LIBRARY)
def test_maps_are_those_of_the_published_library(name: str, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    kind, sizes, size = LIBRARY[name]
    torch.manual_seed(0)
    configuration = getattr(transformers, f"{kind}Config")(**sizes)
    model = getattr(transformers, f"{kind}ForImageClassification")(configuration).eval()
    shake(model)
    body = getattr(model, model.base_model_prefix)
    (body if name == "segformer_b1" else model).save_pretrained(tmp_path)  # without a prefix, or with a classifier
    backbone = PUBLISHED[name]().eval()
    backbone.load_state_dict(read_published(backbone, name, tmp_path))
    x = torch.randn(2, 3, *size)
    with torch.no_grad():
        wanted, found = maps_of(body, x), backbone(x)
    assert len(wanted) == len(found) == 4
    for i, (ours, theirs) in enumerate(zip(found, wanted, strict=True)):
        assert ours.shape[2:] == (size[0] >> i + 2, size[1] >> i + 2)
        assert theirs.std() > 0.01
        torch.testing.assert_close(ours / theirs.std(), theirs / theirs.std(), rtol=1e-4, atol=1e-4)


@pytest.mark.slow  # takes the library `timm`
@pytest.mark.parametrize("size", ["s0", "s1", "s2"])
def test_maps_are_those_of_timm_but_for_how_they_are_made_large(
    size: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    timm = pytest.importorskip("timm")
    torch.manual_seed(0)
    model = timm.create_model(f"efficientformerv2_{size}").eval()  # takes pictures of 224 x 224 only
    shake(model)
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    backbone = PUBLISHED[f"efficientformerv2_{size}"]().eval()
    backbone.load_state_dict(read_published(backbone, f"efficientformerv2_{size}", tmp_path))
    between = nn.Upsample(scale_factor=2, mode="bilinear")
    monkeypatch.setattr(efficientformer_v2, "twice", between)
    x = torch.randn(1, 3, 224, 224)
    with torch.no_grad():
        wanted, found = model.forward_intermediates(x, intermediates_only=True), backbone(x)
    for ours, theirs in zip(found, wanted, strict=True):
        assert theirs.std() > 0.01
        torch.testing.assert_close(ours / theirs.std(), theirs / theirs.std(), rtol=1e-4, atol=1e-4)

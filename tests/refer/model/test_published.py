"""Published weights of backbones: all of them arrive, and maps are those of the library that publishes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

import uhd
from uhd.models.weights import State
from uhd.refer.model.backbones.library_names import FAMILIES
from uhd.refer.model.backbones.names import PUBLISHED
from uhd.refer.model.backbones.published import load_published, names_of, read_published
from uhd.refer.model.backbones.segformer import SegFormer

KNOWN = [name for name, make in PUBLISHED.items() if name.startswith(("segformer",))]


def small() -> SegFormer:
    torch.manual_seed(0)
    return SegFormer((8, 8, 10, 8), (1, 1, 1, 1))


def theirs_of(backbone: nn.Module) -> State:
    """Return drawn weights for a backbone under the library's names, with a classifier behind them."""
    family, made = FAMILIES[type(backbone).__name__], {"classifier.weight": torch.zeros(2, 8)}
    for ours, value in backbone.state_dict().items():
        names = names_of(ours, family)
        for name, part in zip(names, torch.randn(value.shape).chunk(max(1, len(names))), strict=True):
            made[family.prefix + name] = part.contiguous()
    return made


@pytest.mark.parametrize("name", KNOWN)
def test_the_table_names_something_for_every_tensor_once(name: str) -> None:
    with torch.device("meta"):
        backbone = PUBLISHED[name]()
    family = FAMILIES[type(backbone).__name__]
    names = [each for ours in backbone.state_dict() for each in names_of(ours, family)]
    assert len(names) == len(set(names)) >= len(backbone.state_dict()) - 2 * len(family.own)
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
    given = (picture - torch.tensor(FAMILIES["SegFormer"].mean)[:, None, None]) / torch.tensor(
        FAMILIES["SegFormer"].deviation
    )[:, None, None]
    wanted = nn.functional.conv2d(given, theirs[f"{stem}weight"], theirs[f"{stem}bias"], 4)
    seen = nn.functional.conv2d(picture * 4 - 2, backbone.embed[0].weight, backbone.embed[0].bias, 4)
    torch.testing.assert_close(seen, wanted, rtol=1e-4, atol=0.1 if half else 1e-4)


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


LIBRARY: dict[str, tuple[str, dict[str, Any], tuple[int, int]]] = {  # name, sizes, and the picture's
    "segformer_b0": ("Segformer", {}, (64, 96)),
    "segformer_b1": ("Segformer", {"hidden_sizes": [64, 128, 320, 512]}, (64, 96)),
}


def maps_of(model: nn.Module, x: Tensor) -> list[Tensor]:
    """Return the maps of a classifier of the library at strides 4, 8, 16 and 32."""
    return list(model(x, output_hidden_states=True).hidden_states)


def shake(model: nn.Module) -> None:
    """Give a model weights of which none is nothing."""
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if value.is_floating_point():
                scale = 1.0 if value.dim() < 2 else float(value[0].numel()) ** -0.5
                drawn = torch.randn_like(value) * (0.3 if value.dim() < 2 else scale)
                value.copy_(drawn.abs() + 0.5 if name.endswith(("var", "norm.weight")) else drawn)


@pytest.mark.slow  # pytest -m slow tests/refer/model/test_published.py; takes the library `transformers`
@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("name", LIBRARY)
def test_maps_are_those_of_the_published_library(name: str, whole: bool, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    kind, sizes, size = LIBRARY[name]
    torch.manual_seed(0)
    configuration = getattr(transformers, f"{kind}Config")(**sizes)
    model = getattr(transformers, f"{kind}ForImageClassification")(configuration).eval()
    shake(model)
    body = getattr(model, model.base_model_prefix)
    (model if whole else body).save_pretrained(tmp_path)
    backbone = PUBLISHED[name]().eval()
    backbone.load_state_dict(read_published(backbone, name, tmp_path))
    x = torch.randn(2, 3, *size)
    with torch.no_grad():
        wanted, found = maps_of(body, x), backbone(x)
    assert len(wanted) == len(found) == 4
    for i, (ours, theirs) in enumerate(zip(found, wanted, strict=True)):
        assert ours.shape[2:] == (size[0] >> i + 2, size[1] >> i + 2)
        assert theirs.std() > 0.01
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)

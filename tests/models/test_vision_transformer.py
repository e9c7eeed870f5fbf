"""A vision transformer of the DINOv3 family, read from tiny random checkpoints."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from uhd.errors import UserError
from uhd.models.vision_transformer import rotated, rotations, vit_of
from uhd.models.vision_transformer_names import authors_names

WIDTH, HEADS, PATCH, DEPTH = 32, 2, 4, 2
WHERE = Path("backbone.pth")


def checkpoint(gated=False, storage=3, masked=True, scaled=True, biased=True, seed=0):
    draw = torch.Generator().manual_seed(seed)

    def random(*shape):
        return torch.randn(*shape, generator=draw) * 0.2

    head = WIDTH // HEADS
    state = {
        "cls_token": random(1, 1, WIDTH),
        "mask_token": random(1, WIDTH),
        "patch_embed.proj.weight": random(WIDTH, 3, PATCH, PATCH),
        "patch_embed.proj.bias": random(WIDTH),
        "rope_embed.periods": 100 ** (torch.arange(head // 4) / (head // 4)),
        "norm.weight": 1 + random(WIDTH),
        "norm.bias": random(WIDTH),
        "local_cls_norm.weight": random(WIDTH),
        "local_cls_norm.bias": random(WIDTH),
    }
    if storage:
        state["storage_tokens"] = random(1, storage, WIDTH)
    for i in range(DEPTH):
        layers = {"attn.qkv": (3 * WIDTH, WIDTH), "attn.proj": (WIDTH, WIDTH)}
        if gated:
            layers |= {"mlp.w1": (40, WIDTH), "mlp.w2": (40, WIDTH), "mlp.w3": (WIDTH, 40)}
        else:
            layers |= {"mlp.fc1": (4 * WIDTH, WIDTH), "mlp.fc2": (WIDTH, 4 * WIDTH)}
        for name, shape in layers.items():
            state[f"blocks.{i}.{name}.weight"] = random(*shape)
            state[f"blocks.{i}.{name}.bias"] = random(shape[0])
        if not biased:
            del state[f"blocks.{i}.attn.qkv.bias"]
        if masked:
            mask = torch.ones(3 * WIDTH)
            mask[WIDTH : 2 * WIDTH] = 0
            state[f"blocks.{i}.attn.qkv.bias_mask"] = mask
        for name in ("norm1", "norm2"):
            state[f"blocks.{i}.{name}.weight"], state[f"blocks.{i}.{name}.bias"] = 1 + random(WIDTH), random(WIDTH)
        if scaled:
            state[f"blocks.{i}.ls1.gamma"], state[f"blocks.{i}.ls2.gamma"] = random(WIDTH), random(WIDTH)
    return state


def images(h=12, w=20, seed=1):
    return torch.rand(2, 3, h, w, generator=torch.Generator().manual_seed(seed))


def by_hand(state, x, gated=False):
    """The same network written out token by token, with complex numbers for the rotations."""
    mean, std = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])[:, :, None, None]
    maps = F.conv2d((x - mean) / std, state["patch_embed.proj.weight"], state["patch_embed.proj.bias"], stride=PATCH)
    b, d, h, w = maps.shape
    prefix = [state["cls_token"].expand(b, -1, -1)]
    prefix += [state["storage_tokens"].expand(b, -1, -1)] if "storage_tokens" in state else []
    skip = sum(p.shape[1] for p in prefix)
    x = torch.cat([*prefix, maps.flatten(2).transpose(1, 2)], 1)
    turn = []
    for row in range(h):
        for column in range(w):
            y_, x_ = (2 * row + 1) / h - 1, (2 * column + 1) / w - 1
            angle = torch.cat([2 * math.pi * place / state["rope_embed.periods"] for place in (y_, x_)])
            turn.append(torch.polar(torch.ones_like(angle), angle))
    turn = torch.stack(turn)

    def rotate(q):
        half = q.shape[-1] // 2
        z = torch.complex(q[..., :half], q[..., half:])
        z = torch.cat([z[:, :, :skip], z[:, :, skip:] * turn], 2)
        return torch.cat([z.real, z.imag], -1)

    for i in range(DEPTH):
        p = {name.removeprefix(f"blocks.{i}."): v for name, v in state.items() if name.startswith(f"blocks.{i}.")}
        y = F.layer_norm(x, (d,), p["norm1.weight"], p["norm1.bias"], 1e-5)
        bias = p.get("attn.qkv.bias", torch.zeros(3 * d)) * p.get("attn.qkv.bias_mask", 1)
        q, k, v = (F.linear(y, p["attn.qkv.weight"], bias)).chunk(3, -1)
        q, k, v = (t.view(b, -1, HEADS, d // HEADS).transpose(1, 2) for t in (q, k, v))
        q, k = rotate(q), rotate(k)
        a = ((q @ k.transpose(2, 3)) / math.sqrt(d // HEADS)).softmax(-1) @ v
        a = F.linear(a.transpose(1, 2).reshape(b, -1, d), p["attn.proj.weight"], p["attn.proj.bias"])
        x = x + a * p.get("ls1.gamma", 1)
        y = F.layer_norm(x, (d,), p["norm2.weight"], p["norm2.bias"], 1e-5)
        if gated:
            y = F.silu(F.linear(y, p["mlp.w1.weight"], p["mlp.w1.bias"])) * F.linear(
                y, p["mlp.w2.weight"], p["mlp.w2.bias"]
            )
            y = F.linear(y, p["mlp.w3.weight"], p["mlp.w3.bias"])
        else:
            y = F.gelu(F.linear(y, p["mlp.fc1.weight"], p["mlp.fc1.bias"]))
            y = F.linear(y, p["mlp.fc2.weight"], p["mlp.fc2.bias"])
        x = x + y * p.get("ls2.gamma", 1)
    x = F.layer_norm(x, (d,), state["norm.weight"], state["norm.bias"], 1e-5)[:, skip:]
    return x.transpose(1, 2).reshape(b, d, h, w)


@pytest.mark.parametrize(
    "shape",
    [{}, {"gated": True}, {"storage": 0}, {"masked": False}, {"scaled": False}, {"masked": False, "biased": False}],
)
def test_it_computes_what_its_checkpoint_means(shape):
    state = checkpoint(**shape)
    found = vit_of(state, WHERE)(images())
    assert found.shape == (2, WIDTH, 3, 5)
    assert torch.allclose(found, by_hand(state, images(), shape.get("gated", False)), atol=1e-4)


def test_the_mask_of_the_bias_multiplies():
    state = checkpoint()
    other = {name: value.clone() for name, value in state.items()}
    for i in range(DEPTH):
        other[f"blocks.{i}.attn.qkv.bias"][WIDTH : 2 * WIDTH] = 100
    assert torch.equal(vit_of(state, WHERE)(images()), vit_of(other, WHERE)(images()))


def test_a_rotation_keeps_lengths_and_depends_on_the_distance_only():
    periods = torch.tensor([1.5, 4.0])
    sine, cosine = rotations(periods, 6, 6)
    assert sine.shape == (36, 8)
    q, k = torch.randn(2, 1, 1, 1, 8, generator=torch.Generator().manual_seed(0)).expand(2, 1, 1, 36, 8)
    a, b = rotated(q, sine, cosine), rotated(k, sine, cosine)
    assert torch.allclose(a.norm(dim=-1), q.norm(dim=-1), atol=1e-5)
    product = (a @ b.transpose(2, 3))[0, 0].view(6, 6, 6, 6)
    assert torch.allclose(product[:5, :5, :5, :5], product[1:, 1:, 1:, 1:], atol=1e-4)
    assert not torch.allclose(product[0, 0], product[0, 1], atol=1e-2)


def test_the_angles_are_those_of_the_formula():
    sine, cosine = rotations(torch.tensor([2.0]), 2, 4)
    # row centres -0.5, 0.5; column centres -0.75, -0.25, 0.25, 0.75; angle = 2 pi x / 2
    wanted = torch.tensor([[math.pi * y, math.pi * x] * 2 for y in (-0.5, 0.5) for x in (-0.75, -0.25, 0.25, 0.75)])
    assert torch.allclose(sine, wanted.sin(), atol=1e-6)
    assert torch.allclose(cosine, wanted.cos(), atol=1e-6)


def test_tokens_before_the_patches_are_not_turned():
    sine, cosine = rotations(torch.tensor([2.0]), 2, 2)
    x = torch.randn(1, 1, 7, 4)
    assert torch.equal(rotated(x, sine, cosine)[:, :, :3], x[:, :, :3])


def test_without_positions_a_permutation_of_patches_permutes_the_features():
    state = checkpoint() | {"rope_embed.periods": torch.full((WIDTH // HEADS // 4,), 1e9)}
    network, x = vit_of(state, WHERE), images(8, 8)
    swapped = torch.cat([x[..., PATCH:], x[..., :PATCH]], 3)
    assert torch.allclose(network(x).flip(3), network(swapped), atol=1e-4)
    turned = vit_of(checkpoint(), WHERE)
    assert not torch.allclose(turned(x).flip(3), turned(swapped), atol=1e-3)


def test_half_precision_weights_are_read():
    assert vit_of({k: v.bfloat16() for k, v in checkpoint().items()}, WHERE)(images()).dtype == torch.float32


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"blocks.0.attn.proj.bias": None}, "lacks blocks.0.attn.proj.bias"),
        ({"pos_embed": torch.zeros(1)}, "has the unknown pos_embed"),
        ({"rope_embed.periods": None}, "lacks rope_embed.periods"),
        ({"blocks.1.mlp.fc2.weight": torch.zeros(2, 2)}, r"blocks.1.mlp.fc2.weight has the shape \(2, 2\)"),
        ({"rope_embed.periods": torch.ones(5)}, "5 rotation periods"),
    ],
)
def test_other_weights_are_refused_in_one_line(change, words):
    state = checkpoint() | change
    with pytest.raises(UserError, match=f"{WHERE}.*{words}") as error:
        vit_of({name: value for name, value in state.items() if value is not None}, WHERE)
    assert "\n" not in str(error.value)


def test_the_name_must_fit_the_width():
    with pytest.raises(UserError, match=r"dinov3_vitb16 has width 768, but backbone\.pth holds one of width 32"):
        vit_of(checkpoint(), WHERE, "dinov3_vitb16")
    with pytest.raises(UserError, match="not a known name"):
        vit_of(checkpoint(), WHERE, "resnet50")


def as_the_library_names_it(state, gated):
    """The same weights under the names of the transformers library: three matrices, keys without bias, no periods."""
    mlp = {"w1": "gate_proj", "w2": "up_proj", "w3": "down_proj"} if gated else {"fc1": "up_proj", "fc2": "down_proj"}
    found = {}
    for name, value in state.items():
        if name.endswith(("bias_mask", "periods")) or name.startswith("local_cls"):
            continue
        if ".qkv." in name:
            block, kind = name.split(".")[1], name.split(".")[-1]
            for letter, part in zip("qkv", value.chunk(3), strict=True):
                if (letter, kind) != ("k", "bias"):
                    found[f"layer.{block}.attention.{letter}_proj.{kind}"] = part
            continue
        for mine, theirs in {f"mlp.{a}.": f"mlp.{b}." for a, b in mlp.items()}.items():
            name = name.replace(mine, theirs)
        name = name.replace("blocks.", "layer.").replace("attn.proj", "attention.o_proj")
        name = name.replace("ls1.gamma", "layer_scale1.lambda1").replace("ls2.gamma", "layer_scale2.lambda1")
        name = name.replace("patch_embed.proj", "embeddings.patch_embeddings")
        name = name.replace("storage_tokens", "embeddings.register_tokens")
        found[f"embeddings.{name}" if name in ("cls_token", "mask_token") else name] = value
    return found


@pytest.mark.parametrize("gated", [False, True])
@pytest.mark.parametrize("prefix", ["", "model."])
def test_the_names_of_the_transformers_library_mean_the_same(gated, prefix):
    state = checkpoint(gated)
    theirs = {prefix + name: value for name, value in as_the_library_names_it(state, gated).items()}
    with pytest.raises(UserError, match=r"backbone\.pth: no DINOv3 vision transformer has the width 32"):
        vit_of(theirs, WHERE)
    found = vit_of(authors_names(theirs, WHERE, HEADS), WHERE)(images())
    assert torch.allclose(found, vit_of(state, WHERE)(images()), atol=1e-5)


def test_a_file_of_the_library_that_lacks_a_matrix_is_refused():
    theirs = as_the_library_names_it(checkpoint(), False)
    del theirs["layer.1.attention.v_proj.weight"]
    with pytest.raises(UserError, match=r"lacks .*blocks\.1\.attn\.qkv\.weight"):
        vit_of(authors_names(theirs, WHERE, HEADS), WHERE)

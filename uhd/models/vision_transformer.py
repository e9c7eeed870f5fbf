"""A vision transformer of the DINOv3 family, for the features it has learnt; weights come from its own checkpoints.

Simeoni et al., DINOv3, 2025. Tokens: one for the class, some to store things in, then the patches row by row. Positions
enter only as rotations of the queries and keys of the patches: the coordinates of the patch centres, -1 to 1 along each
axis, turn pairs of channels with the periods that the checkpoint holds (axial RoPE; Heo et al., 2024).

Papers: https://arxiv.org/abs/2508.10104, https://arxiv.org/abs/2403.13298
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from uhd.errors import UserError
from uhd.models.vision_transformer_names import HEADS, authors_names

_EPS = 1e-5
# Tokens that only training uses, and norms of crops that only training has.
_UNUSED = ("mask_token", "local_cls_norm.", "cls_norm.")
_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class ViTConfig:
    """What the shapes of a checkpoint tell.

    Attributes:
        width: channels of a token.
        depth: blocks.
        heads: of the attention.
        patch: side of a patch in pixels.
        hidden: channels inside the MLP.
        gated: the MLP has a gate (SwiGLU, three matrices) instead of GELU (two).
        storage: tokens that store things.
        biased: queries, keys and values have a bias.
        masked_bias: the bias of queries, keys and values is multiplied by a mask in the checkpoint.
        scaled: the branches are scaled per channel (layer scale).
    """

    width: int
    depth: int
    heads: int
    patch: int
    hidden: int
    gated: bool
    storage: int
    biased: bool
    masked_bias: bool
    scaled: bool


class Attention(nn.Module):
    """Self-attention whose patch tokens know where they are."""

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.qkv = nn.Linear(config.width, 3 * config.width, bias=config.biased)
        if config.masked_bias:
            self.qkv.register_buffer("bias_mask", torch.ones(3 * config.width))
        self.proj = nn.Linear(config.width, config.width)

    def forward(self, x: Tensor, sine: Tensor, cosine: Tensor) -> Tensor:
        """Map tokens (B, N, D); ``sine`` and ``cosine`` (P, D / heads) belong to the last P of them."""
        b, n, d = x.shape
        bias = self.qkv.bias
        mask = getattr(self.qkv, "bias_mask", None)
        if mask is not None and bias is not None:
            bias = bias * mask
        q, k, v = F.linear(x, self.qkv.weight, bias).view(b, n, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        q, k = rotated(q, sine, cosine), rotated(k, sine, cosine)
        out: Tensor = self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, n, d))
        return out


class GeluMlp(nn.Module):
    """Two matrices with GELU between them."""

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        self.fc1 = nn.Linear(config.width, config.hidden)
        self.fc2 = nn.Linear(config.hidden, config.width)

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape (B, N, D)."""
        y: Tensor = self.fc2(F.gelu(self.fc1(x)))
        return y


class GatedMlp(nn.Module):
    """SwiGLU (Shazeer, 2020, https://arxiv.org/abs/2002.05202): w3(silu(w1 x) * w2 x)."""

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        self.w1 = nn.Linear(config.width, config.hidden)
        self.w2 = nn.Linear(config.width, config.hidden)
        self.w3 = nn.Linear(config.hidden, config.width)

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape (B, N, D)."""
        y: Tensor = self.w3(F.silu(self.w1(x)) * self.w2(x))
        return y


class LayerScale(nn.Module):
    """A factor per channel (Touvron et al., 2021, https://arxiv.org/abs/2103.17239)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape (B, N, D)."""
        return x * self.gamma


class Block(nn.Module):
    """Attention, then MLP, each on normalised tokens and added to them."""

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(config.width, _EPS)
        self.attn = Attention(config)
        self.ls1 = LayerScale(config.width) if config.scaled else nn.Identity()
        self.norm2 = nn.LayerNorm(config.width, _EPS)
        self.mlp = GatedMlp(config) if config.gated else GeluMlp(config)
        self.ls2 = LayerScale(config.width) if config.scaled else nn.Identity()

    def forward(self, x: Tensor, sine: Tensor, cosine: Tensor) -> Tensor:
        """Keep the shape (B, N, D)."""
        x = x + self.ls1(self.attn(self.norm1(x), sine, cosine))
        y: Tensor = x + self.ls2(self.mlp(self.norm2(x)))
        return y


class Rope(nn.Module):
    """The periods of the rotations, (D / heads / 4,), shared by both axes."""

    periods: Tensor

    def __init__(self, count: int) -> None:
        super().__init__()
        self.register_buffer("periods", torch.ones(count))


class PatchEmbed(nn.Module):
    """Patches to tokens."""

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, config.width, config.patch, config.patch)


class VisionTransformer(nn.Module):
    """Map RGB images (B, 3, H, W) in [0, 1] to normalised patch features (B, width, H / patch, W / patch).

    Args:
        config: shape of the network.
        imagenet: subtract the mean and divide by the deviation of ImageNet's channels.
    """

    def __init__(self, config: ViTConfig, imagenet: bool = True) -> None:
        super().__init__()
        self.config, self.imagenet = config, imagenet
        self.patch_embed = PatchEmbed(config)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, config.width))
        if config.storage:
            self.storage_tokens = nn.Parameter(torch.zeros(1, config.storage, config.width))
        self.rope_embed = Rope(config.width // config.heads // 4)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.depth))
        self.norm = nn.LayerNorm(config.width, _EPS)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (B, 3, H, W), 0 to 1, to the features (B, D, h, w) of the patches."""
        if self.imagenet:
            mean, std = images.new_tensor([_IMAGENET_MEAN, _IMAGENET_STD])[:, None, :, None, None]
            images = (images - mean) / std
        patches = self.patch_embed.proj(images)
        b, d, h, w = patches.shape
        tokens = [self.cls_token.expand(b, -1, -1)]
        if self.config.storage:
            tokens.append(self.storage_tokens.expand(b, -1, -1))
        x = torch.cat([*tokens, patches.flatten(2).transpose(1, 2)], 1)
        sine, cosine = rotations(self.rope_embed.periods.float(), h, w)
        for block in self.blocks:
            x = block(x, sine, cosine)
        features: Tensor = self.norm(x)[:, -h * w :].transpose(1, 2).reshape(b, d, h, w)
        return features


def rotations(periods: Tensor, h: int, w: int) -> tuple[Tensor, Tensor]:
    """Return sine and cosine (h * w, 4 * len(periods)) of the angle that each patch turns each channel by.

    The angle is 2 pi * coordinate / period; the first half of the channels is row angles then column angles, the second
    half repeats it.
    """
    rows = (torch.arange(h, device=periods.device) + 0.5) / h * 2 - 1
    columns = (torch.arange(w, device=periods.device) + 0.5) / w * 2 - 1
    places = torch.stack(torch.meshgrid(rows, columns, indexing="ij"), -1).view(-1, 2)
    angles = (2 * math.pi * places[:, :, None] / periods).flatten(1).repeat(1, 2)
    return angles.sin(), angles.cos()


def rotated(x: Tensor, sine: Tensor, cosine: Tensor) -> Tensor:
    """Turn the last P tokens of (B, heads, N, C): channel i and channel i + C / 2 are the two axes of a plane."""
    first = x.shape[2] - len(sine)
    patches = x[:, :, first:]
    a, b = patches.chunk(2, -1)
    turned = patches * cosine + torch.cat([-b, a], -1) * sine
    return torch.cat([x[:, :, :first], turned], 2)


def vit_of(
    state: Mapping[str, Tensor], where: Path, arch: str | None = None, imagenet: bool = True
) -> VisionTransformer:
    """Return the network whose weights a state dict of the DINOv3 family holds, in evaluation mode.

    Args:
        state: names and tensors, as the authors or as the transformers library name them.
        where: the file, named in errors.
        arch: name the user expects, e.g. ``dinov3_vitb16``.
        imagenet: normalise the input as ImageNet.

    Raises:
        UserError: the names or shapes are not those of such a network, or not of ``arch``.
    """
    state = authors_names(state, where)
    state = {name: value.float() for name, value in state.items() if not name.startswith(_UNUSED)}
    needed = ("cls_token", "patch_embed.proj.weight", "rope_embed.periods", "blocks.0.attn.qkv.weight", "norm.weight")
    missing = [name for name in needed if name not in state]
    if missing:
        raise _misfit(where, missing, [] if len(missing) < len(needed) else sorted(state))
    config = config_of(state, where)
    network = VisionTransformer(config, imagenet)
    expected = network.state_dict()
    missing, unknown = sorted(expected.keys() - state.keys()), sorted(state.keys() - expected.keys())
    if missing or unknown:
        raise _misfit(where, missing, unknown)
    wrong = [name for name, value in expected.items() if value.shape != state[name].shape]
    if wrong:
        shape = tuple(state[wrong[0]].shape)
        raise UserError(f"{where}: {wrong[0]} has the shape {shape}, not {tuple(expected[wrong[0]].shape)}")
    network.load_state_dict(state)
    if arch is not None:
        _check_arch(arch, config, where)
    return network.eval().requires_grad_(False)


def config_of(state: Mapping[str, Tensor], where: Path) -> ViTConfig:
    """Return the shape of the network that the tensors belong to."""
    proj, periods = state["patch_embed.proj.weight"], state["rope_embed.periods"]
    width, head = proj.shape[0], 4 * periods.numel()
    if width % head or proj.ndim != 4 or proj.shape[1] != 3 or proj.shape[2] != proj.shape[3]:
        raise UserError(
            f"{where}: {periods.numel()} rotation periods and patches of shape {tuple(proj.shape)} do not make a DINOv3"
        )
    gated = "blocks.0.mlp.w1.weight" in state
    first = state.get("blocks.0.mlp.w1.weight" if gated else "blocks.0.mlp.fc1.weight")
    if first is None:
        raise _misfit(where, ["blocks.0.mlp.fc1.weight"], [])
    storage = state.get("storage_tokens")
    return ViTConfig(
        width=width,
        depth=1 + max(int(name.split(".")[1]) for name in state if name.startswith("blocks.")),
        heads=width // head,
        patch=proj.shape[2],
        hidden=first.shape[0],
        gated=gated,
        storage=0 if storage is None else storage.shape[1],
        biased="blocks.0.attn.qkv.bias" in state,
        masked_bias="blocks.0.attn.qkv.bias_mask" in state,
        scaled="blocks.0.ls1.gamma" in state,
    )


_WIDTHS = dict(zip(("vits", "vitb", "vitl", "vith", "vit7b"), HEADS, strict=True))


def _check_arch(arch: str, config: ViTConfig, where: Path) -> None:
    known = next((name for name in _WIDTHS if name in arch.lower()), None)
    if known is None:
        names = ", ".join(f"dinov3_{name}{config.patch}" for name in _WIDTHS)
        raise UserError(f"--teacher-backbone-arch {arch}: not a known name: {names}, or leave it out")
    if config.width != _WIDTHS[known]:
        raise UserError(
            f"--teacher-backbone-arch {arch} has width {_WIDTHS[known]}, but {where} holds one of width {config.width}"
        )


def _misfit(where: Path, missing: list[str], unknown: list[str]) -> UserError:
    parts = [
        f"{word} {', '.join(names[:3])}{f' and {len(names) - 3} more' if len(names) > 3 else ''}"
        for word, names in (("lacks", missing), ("has the unknown", unknown))
        if names
    ]
    return UserError(f"{where}: not the weights of a DINOv3 vision transformer: {'; '.join(parts)}")
